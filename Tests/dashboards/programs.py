"""Programs that a test starts, each of which is ended by its process id, and answers that it waits for."""

import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request


class Failure(Exception):
    pass


def wait(what, deadline, condition):
    """What `condition` returns once that is true. After so many seconds it is a failure."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"waited {deadline} s in vain for {what}")
        time.sleep(0.2)


def get(url, **headers):
    """The status, content type and body of an answer; if there is none, status 0 and what went wrong."""
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.headers.get("Content-Type", ""), answer.read()
    except OSError as error:
        return 0, str(error), b""


class Programs:
    """A folder, and the programs that write to it. At the end of `with` both are gone."""

    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="fibril-dashboards-")
        self.folder = pathlib.Path(self.scratch.name)
        self.running = []
        return self

    def __exit__(self, kind, *_):
        for name, process in reversed(self.running):
            self.end(process)
            if kind:
                lines = (self.folder / f"{name}.log").read_text(errors="replace").splitlines()
                print(f"--- {name} (status {process.returncode}):", *lines[-15:], sep="\n")
        self.scratch.cleanup()

    def start(self, name, *command):
        with open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.running.append((name, process))
        return process

    @staticmethod
    def end(process):
        if process.poll() is not None:
            return
        process.send_signal(signal.SIGCONT)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def printed(self, name, pattern, deadline=60):
        """What the pattern's group matches in what the program has written, once it has."""
        process = dict(self.running)[name]

        def look():
            if process.poll() is not None:
                raise Failure(f"{name} ended with status {process.returncode}")
            return re.search(pattern, (self.folder / f"{name}.log").read_text(errors="replace"))

        return wait(f"{name} to write {pattern}", deadline, look)[1]
