"""The programs of the tests of the live page: a target, `fibril serve` on it, and a browser. Each ends by its id."""

import os
import re
import shutil
import subprocess
import tempfile

from selenium import webdriver

BUILT = os.path.abspath(os.environ.get("FIBRIL_BUILT", ".build/debug"))
FIBRIL = os.environ.get("FIBRIL", os.path.join(BUILT, "fibril"))


class Program:
    """A child process that is ended and waited for, whatever happens."""

    def __init__(self, arguments, **options):
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, **options)
        self.pid = self.process.pid

    def end(self, signal):
        self.process.send_signal(signal)
        return self.process.wait(timeout=30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()


class Workload(Program):
    def __init__(self, *options, name=None):
        """`name` is what the kernel calls the process."""
        self.folder = tempfile.mkdtemp()
        program = os.path.join(self.folder, name or "fibril-workload")
        os.symlink(os.path.join(BUILT, "fibril-workload"), program)
        super().__init__([program, *options], stdout=subprocess.DEVNULL)

    def close(self):
        super().close()
        shutil.rmtree(self.folder)


class Serve(Program):
    def __init__(self, *options, port=0):
        super().__init__(
            [FIBRIL, "serve", "--listen", f"127.0.0.1:{port}", *options], stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.process.stderr:
            said.append(line)
            found = re.search(r"listening on (http://127\.0\.0\.1:(\d+)/)", line)
            if found:
                self.address, self.port = found[1], int(found[2])
                return
        raise AssertionError(f"fibril serve does not listen: {''.join(said)}")


def start_browser():
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in ("headless=new", "no-sandbox", "hide-scrollbars", "disable-background-networking",
                     "disable-component-update", "disable-dev-shm-usage", "no-first-run", "lang=en"):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
