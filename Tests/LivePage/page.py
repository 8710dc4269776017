"""What the tests of the live page are made of. Every wait is for a condition."""

import base64
import os
import re
import unittest

from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from programs import start_browser

PICTURES = os.path.abspath(".build/live-page")
LAPTOP, PHONE = (1280, 800), (360, 740)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "contrast.js"), encoding="utf-8") as script:
    CONTRAST = script.read()


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        os.makedirs(PICTURES, exist_ok=True)
        cls.browser = start_browser()
        cls.addClassCleanup(cls.browser.quit)

    def setUp(self):
        # A tab of its own, for what a tab keeps.
        before = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        here = self.browser.current_window_handle
        self.browser.switch_to.window(before)
        self.browser.close()
        self.browser.switch_to.window(here)
        self.look(LAPTOP, "light")
        self.browser.get_log("browser")

    def start(self, program):
        self.addCleanup(program.close)
        return program

    def open(self, address):
        """Opens the page as somebody who has never been there."""
        origin = address.partition("#")[0]
        self.browser.execute_cdp_cmd("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        self.browser.get(address)

    def look(self, size, theme, motion="no-preference"):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": False})
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
            {"name": "prefers-color-scheme", "value": theme}, {"name": "prefers-reduced-motion", "value": motion}]})

    def run_script(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def find(self, id):
        return self.browser.find_element(By.ID, id)

    def text(self, id):
        # In one call, so that it is never that of a row which has just been replaced.
        return self.run_script("return document.getElementById(arguments[0]).textContent", id)

    def cells(self, id):
        return self.run_script(
            "return [...document.getElementById(arguments[0]).rows].map((row) =>"
            " [...row.cells].map((cell) => cell.textContent))", id)

    def total(self, name):
        """The exact number in all, as the table of rates has it."""
        return next((int(row[3].replace(",", "")) for row in self.cells("rate-rows") if row[0] == name), -1)

    def wait(self, what, condition, seconds=30):
        return WebDriverWait(self.browser, seconds, poll_frequency=0.1).until(lambda _: condition(), what)

    def wait_for_text(self, id, pattern):
        try:
            self.wait("", lambda: re.search(pattern, self.text(id)))
        except TimeoutException:
            self.fail(f"#{id} says {self.text(id)!r} and not {pattern!r}")

    def picture(self, name, whole=False):
        options = {}
        if whole:
            size = self.browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
            options = {"captureBeyondViewport": True, "clip": {**size, "scale": 1}}
        data = self.browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
        with open(os.path.join(PICTURES, f"{name}.png"), "wb") as file:
            file.write(base64.b64decode(data))

    def assert_quiet_console(self, *expected):
        """Nothing on the console but, where a server is away or refuses, what the browser itself says of that."""
        lines = [line["message"] for line in self.browser.get_log("browser")]
        self.assertEqual([line for line in lines if not any(part in line for part in expected)], [])

    def assert_fits(self, name):
        """The page does not scroll sideways, and its texts stand out from their ground."""
        width, room = self.run_script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        self.assertLessEqual(width, room, f"{name}: the page scrolls sideways")
        contrast = self.run_script(CONTRAST)
        self.assertGreater(contrast["looked"], 10, name)
        self.assertEqual(contrast["weak"], [], f"{name}: texts that are hard to read")
