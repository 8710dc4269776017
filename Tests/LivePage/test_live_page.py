"""A browser opens the live page of `fibril serve` on real workloads."""

import signal
import tempfile

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from page import LAPTOP, PHONE, PageTest
from programs import Serve, Workload

BUSY = ("--tasks", "2", "--fibrils", "60", "--blocks", "200000", "--kind", "sleep")


class LivePage(PageTest):
    def test_figures_move_in_both_themes_and_sizes(self):
        target = self.start(Workload(*BUSY))
        serve = self.start(Serve("-p", str(target.pid)))
        self.open(serve.address)
        self.wait_for_text("connection", "^Live$")
        self.wait_for_text("one-title", f"fibril-workload {target.pid}")
        self.wait_for_text("one-note", "^Followed$")
        grounds = set()
        for theme in ("light", "dark"):
            for name, size in (("laptop", LAPTOP), ("phone", PHONE)):
                self.look(size, theme)
                switches, wakes = self.total("Switches"), self.total("Wakes")
                self.wait("switches grow", lambda: self.total("Switches") > switches)
                self.wait("wakes grow", lambda: self.total("Wakes") > wakes)
                for histogram in ("wait", "blocked", "other"):
                    self.wait(f"bars of {histogram}", lambda: self.run_script(
                        "return [...document.querySelectorAll(`#${arguments[0]} rect`)].some((bar) =>"
                        " bar.height.baseVal.value > 5)", histogram))
                self.wait("an area of fibrils", lambda: self.run_script(
                    "return [...document.querySelectorAll('#states .fill')].some((area) => area.getBBox().width > 5)"))
                self.assert_fits(f"{theme} {name}")
                self.picture(f"{name}-{theme}", whole=True)
                grounds.add(self.run_script("return getComputedStyle(document.documentElement).backgroundColor"))
        self.assertEqual(len(grounds), 2, "light and dark look the same")
        self.assertRegex(self.text("lost"), r"^[\d,]+ lost of [\d.]+[kMG]?$")
        self.assertRegex(self.text("cpu"), r"^tracer [\d.]+ % CPU$")
        self.assertRegex(self.text("memory"), "MiB$")
        self.assertEqual(len(self.cells("task-rows")), 2)
        self.assert_quiet_console()

    def test_blocked_time_by_reason(self):
        target = self.start(Workload(*BUSY))
        serve = self.start(Serve("-p", str(target.pid)))
        self.open(serve.address)
        choice = self.find("blocked-of")
        self.wait("the reason sleep", lambda: "sleep" in choice.text)
        Select(choice).select_by_visible_text("sleep")
        self.wait_for_text("blocked", r"count[\d,]*[1-9]")
        # The workload sleeps for a millisecond each time, and nobody wakes it before.
        median = self.run_script("return document.querySelector('#blocked tbody').rows[1].cells[2].textContent")
        self.assertRegex(median, r"^[\d.]+ m?s$")
        self.assert_quiet_console()

    def test_dump_by_keyboard(self):
        target = self.start(Workload("--fibrils", "30", "--blocks", "1", "--park", "600"))
        serve = self.start(Serve("-p", str(target.pid)))
        self.open(serve.address)
        self.wait_for_text("one-title", str(target.pid))
        self.wait("the button", lambda: self.find("dump").is_enabled())
        seen = []
        while "dump" not in seen:
            self.browser.switch_to.active_element.send_keys(Keys.TAB)
            seen.append(self.browser.switch_to.active_element.get_attribute("id"))
            self.assertLess(len(seen), 10, f"Tab leads to {seen}")
            outline = self.run_script(
                "const style = getComputedStyle(document.activeElement);"
                "return [style.outlineStyle, style.outlineWidth]")
            self.assertEqual(outline, ["solid", "3px"], f"{seen[-1]} does not show that it has the focus")
        self.assertEqual(seen[0], "skip")
        self.browser.switch_to.active_element.send_keys(Keys.ENTER)
        self.wait_for_text("dump-note", "^Taken at")
        dump = self.text("dump-text")
        self.assertIn(f"[{target.pid}]", dump.splitlines()[0])
        for index in range(30):
            self.assertRegex(dump, rf"(?m)^fibril:worker-{index}\s")
        self.assertIn("</FIBRIL>", dump)
        self.picture("dump-light")

        self.find("dump-find").send_keys("Worker-17")
        self.wait_for_text("dump-note", "^Match 1 of 1$")
        self.find("dump-only").click()
        self.wait("one fibril is left", lambda: self.text("dump-text").startswith("fibril:worker-17 "))
        self.assertNotIn("worker-18", self.text("dump-text"))
        self.look(PHONE, "dark")
        self.assert_fits("dump")
        self.picture("dump-phone-dark")
        self.browser.switch_to.active_element.send_keys(Keys.ESCAPE)
        self.wait("the dialog is closed", lambda: not self.find("dump-dialog").is_displayed())
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "dump")
        self.assert_quiet_console()

    def test_silence_and_end_of_the_target(self):
        target = self.start(Workload("--fibrils", "30", "--blocks", "1", "--park", "600"))
        serve = self.start(Serve("-p", str(target.pid)))
        self.open(serve.address)
        self.wait_for_text("one-note", r"^Followed, but silent since \d\d:\d\d:\d\d|^Followed; nothing has happened")
        self.picture("target-silent")
        target.end(signal.SIGKILL)
        self.wait_for_text("one-note", r"^(Exited|Killed by signal 9).*These are its last figures$")
        self.assertIn("Ended: ", self.browser.title)
        self.assertFalse(self.find("dump").is_enabled())
        self.assertEqual(self.find("one-note").get_attribute("role"), "status")
        self.assertEqual(self.text("connection"), "Live")
        self.assert_fits("target ended")
        self.picture("target-ended")
        self.look(PHONE, "dark")
        self.picture("target-ended-phone-dark")
        self.assert_quiet_console()

    def test_stop_death_and_return_of_the_tracer(self):
        target = self.start(Workload(*BUSY))
        serve = self.start(Serve("-p", str(target.pid)))
        port = serve.port
        self.open(serve.address)
        self.wait_for_text("connection", "^Live$")
        serve.process.send_signal(signal.SIGSTOP)
        self.wait_for_text("connection", r"^No figures since \d\d:\d\d:\d\d")
        self.assertIn("Silent: ", self.browser.title)
        serve.process.send_signal(signal.SIGCONT)
        self.wait_for_text("connection", "^Live again since")
        self.assert_quiet_console()

        self.assertEqual(serve.end(signal.SIGTERM), 0)
        self.wait_for_text("connection", r"^Tracer stopped at \d\d:\d\d:\d\d.*older$")
        self.assertEqual(self.find("connection").get_attribute("role"), "status")
        self.assertIn("Stopped: ", self.browser.title)
        self.wait_for_text("one-note", r"^Not known: figures came until \d\d:\d\d:\d\d$")
        self.assertFalse(self.find("dump").is_enabled())
        self.assert_fits("tracer stopped")
        self.picture("tracer-stopped")
        self.look(PHONE, "dark")
        self.assert_fits("tracer stopped, phone")
        self.picture("tracer-stopped-phone-dark")

        serve = self.start(Serve("-p", str(target.pid), port=port))
        self.find("retry-now").click()
        self.wait_for_text("connection", r"^Live again since .* after silence since")
        switches = self.total("Switches")
        self.wait("switches grow again", lambda: self.total("Switches") > switches)

        serve.end(signal.SIGKILL)
        self.wait_for_text("connection", r"^Tracer gone since \d\d:\d\d:\d\d")
        self.wait_for_text("retry", "^next try in|^trying")
        self.assert_quiet_console("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET")

    def test_token(self):
        target = self.start(Workload(*BUSY))
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("correct-horse-battery-staple\n")
            file.flush()
            serve = self.start(Serve("-p", str(target.pid), "--token-file", file.name))
            self.open(serve.address)
            self.wait("the form", lambda: self.find("token-form").is_displayed())
            self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "token")
            self.assertFalse(self.find("one").is_displayed())
            self.assert_fits("token")
            self.picture("token")
            self.find("token").send_keys("wrong", Keys.ENTER)
            self.wait_for_text("token-why", "refuses this token")
            self.find("token").send_keys("correct-horse-battery-staple", Keys.ENTER)
            self.wait_for_text("one-note", "^Followed$")
            self.assertFalse(self.find("token-form").is_displayed())
            self.find("dump").click()
            self.wait_for_text("dump-note", "^Taken at")
            self.assert_quiet_console("401 (Unauthorized)")
            self.browser.refresh()
            self.wait_for_text("one-note", "^Followed$")
            self.assert_quiet_console()

    def test_choice_of_process_and_hostile_names(self):
        hostile = "<i>\x1b[31m\u202e&"
        first = self.start(Workload(*BUSY))
        second = self.start(Workload(*BUSY, name=hostile))
        serve = self.start(Serve("-p", str(first.pid), "-p", str(second.pid)))
        self.open(serve.address)
        self.wait("two rows", lambda: len(self.browser.find_elements(By.CSS_SELECTOR, "#process-rows a")) == 2)
        self.wait("rates", lambda: "–" not in self.text("overview-tiles"))
        self.assertFalse(self.find("dump").is_enabled())
        for size, theme in ((LAPTOP, "light"), (PHONE, "dark")):
            self.look(size, theme)
            self.assert_fits(f"overview {theme}")
            self.picture(f"overview-{theme}")
        self.look(LAPTOP, "light")
        self.find("filter").send_keys(str(second.pid))
        self.wait("one row", lambda: len(self.browser.find_elements(By.CSS_SELECTOR, "#process-rows a")) == 1)
        self.browser.find_element(By.CSS_SELECTOR, "#process-rows a").click()
        self.wait_for_text("one-title", f"^<i>\ufffd\\[31m\ufffd&? {second.pid}$")
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "main i:not(.track i), #process i"), [])
        Select(self.find("process")).select_by_visible_text(f"fibril-workload {first.pid}")
        self.wait_for_text("one-title", f"fibril-workload {first.pid}")
        self.browser.back()
        self.wait_for_text("one-title", f"{second.pid}$")
        self.browser.refresh()
        self.wait_for_text("one-title", f"{second.pid}$")
        self.assert_quiet_console()

    def test_theme_hold_and_states(self):
        target = self.start(Workload(*BUSY))
        serve = self.start(Serve("-p", str(target.pid)))
        self.open(serve.address)
        self.wait_for_text("one-note", "^Followed$")
        ground = "return getComputedStyle(document.documentElement).backgroundColor"
        light = self.run_script(ground)
        for theme in ("light", "dark"):
            self.find("theme").click()
            self.assertEqual(self.text("theme"), f"Theme: {theme}")
        self.assertNotEqual(self.run_script(ground), light)
        self.browser.refresh()
        self.assertEqual(self.text("theme"), "Theme: dark")
        self.assertNotEqual(self.run_script(ground), light)

        self.wait("figures", lambda: self.total("Switches") > 0)
        self.find("hold").click()
        held, events = self.total("Switches"), self.text("lost")
        # What the tracer has seen goes on growing in the head while the picture stands.
        self.wait("figures come", lambda: self.text("lost") != events)
        self.assertEqual(self.total("Switches"), held)
        self.find("hold").click()
        self.wait("the picture moves again", lambda: self.total("Switches") > held)

        chart = self.find("states")
        self.wait("two moments", lambda: self.run_script(
            "return document.querySelector('#states .fill').getBBox().width > 2"))
        chart.send_keys(Keys.ARROW_LEFT)
        self.wait_for_text("states-moment", r"^\d\d:\d\d:\d\d, \d+ s before$")
        self.assertRegex(chart.get_attribute("aria-valuetext"), r"running \d+, runnable \d+, blocked \d+")
        self.assert_quiet_console()

    def test_without_motion_nothing_moves_by_itself(self):
        target = self.start(Workload(*BUSY))
        serve = self.start(Serve("-p", str(target.pid)))
        moving = "return document.getAnimations().length"
        self.open(serve.address)
        self.wait("the dot breathes", lambda: self.run_script(moving) > 0)
        self.look(LAPTOP, "light", motion="reduce")
        self.wait_for_text("connection", "^Live$")
        self.wait("nothing is animated", lambda: self.run_script(moving) == 0)
        self.assert_quiet_console()
