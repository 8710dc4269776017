"""A server that sends the page what a test says: what a real one does not do on demand, or should never do."""

import http.server
import json
import os
import queue
import threading
import time

FILES = os.path.abspath("dashboards/web")
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")


def latency(count=0, power=20):
    duration = 3 << (power - 2)
    figures = dict.fromkeys(("p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns"), duration if count else 0)
    return {"count": count, "sum_ns": count * duration, **figures, "buckets": [[1 << power, count]] if count else []}


def process(pid, events=0, **more):
    """One process of the figures; `more` replaces what it would have."""
    names = ("events", "lost", "submits", "completions", "switches", "blocks", "wakes", "sleeps", "resumes")
    return {
        "pid": pid, "command": "server", "executable": "/usr/bin/server", "duration_ns": 1_000_000_000 + events,
        "ended": None, "status": None, "counts": {**dict.fromkeys(names, events), "lost": 0},
        "results": {"ok": events}, "live": {"runnable": 1, "running": 1, "blocked": 2, "pending": 3, "unknown": 0},
        "blocked_now": {"mutex": {"count": 2, "oldest_ns": 1_500_000_000}}, "oldest_runnable_ns": 10,
        "run_queue_wait": latency(events), "running": latency(events),
        "lifetime": {"closure": latency(events), "call": latency()}, "blocked": {"mutex": latency(events)},
        "calls": {}, "tasks": [{"task": 1, "thread": pid, "busy_ns": 1, "asleep_ns": 1, "load": 0.5, "fibrils": 7,
                                "runnable": 1}],
        "slowest": [{"fibril": 7, "task": 1, "name": "writer", "state": "blocked", "reason": "mutex", "call": "",
                     "age_ns": 1_500_000_000}], **more}


class Scripted:
    def __init__(self):
        self.readers = []
        self.lock = threading.Lock()
        self.time = 1_000_000_000_000
        self.dump = (200, "sysrq: nothing\n")
        self.refusal = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def answer(self, status, type, body):
                self.send_response(status)
                self.send_header("Content-Type", f"{type}; charset=utf-8")
                self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(body.encode())

            def do_GET(self):
                name = self.path.partition("?")[0].strip("/") or "index.html"
                if name == "live":
                    return outer._follow(self)
                if name not in os.listdir(FILES):
                    return self.answer(404, "text/plain", "not here")
                with open(os.path.join(FILES, name), encoding="utf-8") as file:
                    self.answer(200, TYPES[name.rpartition(".")[2]], file.read())

            def do_POST(self):
                self.answer(outer.dump[0], "text/plain", outer.dump[1])

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.block_on_close = False
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))
        self.thread.start()

    def _follow(self, handler):
        if self.refusal:
            return handler.answer(*self.refusal)
        events = queue.SimpleQueue()
        with self.lock:
            self.readers.append(events)
        handler.answer(200, "text/event-stream", "")
        try:
            while (event := events.get()) is not None:
                handler.wfile.write(event.encode())
                handler.wfile.flush()
        except OSError:
            pass

    @property
    def is_followed(self):
        return bool(self.readers)

    def send(self, *processes, seconds=1, **more):
        """Figures of so many seconds after the last."""
        self.time += int(seconds * 1e9)
        self.send_raw("figures", json.dumps({
            "time_ns": self.time, "unix_time": time.time(), "version": "0.1.0",
            "tracer": {"cpu_seconds": 1, "resident_bytes": 1 << 24, "events": 5, "lost": 0, "followed": len(processes),
                       "ended": 0, "forgotten": 0}, "processes": processes, **more}))

    def send_raw(self, type, data):
        with self.lock:
            for reader in self.readers:
                reader.put(f"event: {type}\ndata: {data}\n\n")

    def hang_up(self):
        with self.lock:
            for reader in self.readers:
                reader.put(None)
            self.readers.clear()

    def close(self):
        self.hang_up()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
