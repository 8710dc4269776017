"""The live page on figures that a real tracer does not send on demand, or should never send."""

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from page import PHONE, PageTest
from scripted import Scripted, latency, process


class OddFigures(PageTest):
    def setUp(self):
        super().setUp()
        self.server = self.start(Scripted())

    def open_and_send(self, *processes, address="", **more):
        self.open(self.server.address + address)
        self.wait("the page follows", lambda: self.server.is_followed)
        self.server.send(*processes, **more)
        self.wait_for_text("connection", "^Live$")

    def tile(self, name):
        return self.run_script(
            "return [...document.querySelectorAll('#one-tiles > div')].find((tile) =>"
            " tile.children[0].textContent === arguments[0])?.children[1].textContent", name)

    def test_numbers_as_people_read_them(self):
        self.open_and_send()
        expected = {
            "duration": [[0, "0 ns"], [999, "999 ns"], [999.6, "1.00 µs"], [12_345, "12.3 µs"], [999_499, "999 µs"],
                         [999_500, "1.00 ms"], [123_456_789, "123 ms"], [9_996_000_000, "10.0 s"],
                         [61_000_000_000, "1 min 1 s"], [7_260_000_000_000, "2 h 1 min"],
                         [90_000_000_000_000, "1 d 1 h"], ["?", "–"], [None, "–"]],
            "brief": [[0, "0"], [7, "7"], [0.25, "0.3"], [999, "999"], [1000, "1.00k"], [99_949, "99.9k"],
                      [1_234_567, "1.23M"], [None, "–"]],
            "bytes": [[12, "12 bytes"], [23_068_672, "22.0 MiB"]],
            "percent": [[0, "0 %"], [0.0123, "1.2 %"], [0.996, "100 %"], [1.5, "150 %"]],
        }
        for name, cases in expected.items():
            got = self.browser.execute_async_script(
                "const [name, values, done] = arguments;"
                "import('/page-format.js').then((format) => done(values.map((value) => format[name](value))))",
                name, [value for value, _ in cases])
            self.assertEqual(got, [text for _, text in cases], name)
        self.assert_quiet_console()

    def test_nothing_to_follow_then_a_process(self):
        self.open_and_send()
        self.wait("the message", lambda: self.find("nothing").is_displayed())
        self.assertIn("Nothing to follow yet", self.text("nothing"))
        self.assertFalse(self.find("dump").is_enabled())
        self.assert_fits("nothing")
        self.picture("nothing-to-follow")
        self.server.send(process(42, 10))
        self.wait_for_text("one-title", "^server 42$")
        self.assertFalse(self.find("nothing").is_displayed())
        self.assert_quiet_console()

    def test_thousands_of_processes(self):
        many = [process(pid, pid) for pid in range(1000, 5000)]
        self.open_and_send(*many)
        self.wait("rows", lambda: len(self.cells("process-rows")) == 100)
        self.assertIn("100 of 4,000 are shown", self.text("overview-note"))
        self.assertLess(self.run_script("return document.getElementById('process').length"), 210)
        self.find("filter").send_keys("4999")
        self.wait("one row", lambda: [row[1] for row in self.cells("process-rows")] == ["4999"])
        self.browser.find_element(By.CSS_SELECTOR, "#process-rows a").click()
        self.wait_for_text("one-title", "^server 4999$")
        self.assertEqual(self.run_script("return document.getElementById('process').value"), "4999")
        self.look(PHONE, "dark")
        self.assert_fits("many")
        self.assert_quiet_console()

    def test_rates_are_those_of_the_figures(self):
        self.open_and_send(process(42, 1000))
        for events in (1500, 2000, 2500):
            self.server.send(process(42, events))
        self.wait_for_text("rate-rows", "2,500")
        self.assertEqual(self.tile("Switches"), "500")
        self.assertEqual([row[2:] for row in self.cells("rate-rows") if row[0] == "Wakes"], [["500", "2,500"]])
        self.assertEqual(self.tile("Longest wait"), "1.50 s")
        # What lies in the window of ten seconds, and in all.
        self.assertIn("count1,5002,500", self.text("wait"))
        self.assert_quiet_console()

    def test_great_numbers_fit(self):
        events = (1 << 53) - 1
        great = process(42, events)
        great["live"] = dict.fromkeys(great["live"], events)
        great["counts"]["lost"] = 333_670_838
        self.open_and_send(great, address="#process=42")
        self.wait("the tile", lambda: self.tile("Lost") == "334M")
        self.assertEqual(self.run_script(
            "return [...document.querySelectorAll('#one-tiles dd, .legend b')].filter((tile) =>"
            " tile.scrollWidth > tile.clientWidth).map((tile) => tile.textContent)"), [])
        self.look(PHONE, "dark")
        self.assert_fits("great numbers")
        self.assert_quiet_console()

    def test_counters_that_start_again_are_another_process(self):
        self.open_and_send(process(42, 5000))
        self.server.send(process(42, 6000))
        self.wait("a rate", lambda: self.tile("Switches") == "1.00k")
        self.server.send(process(42, 100))
        self.wait("no rate yet", lambda: self.tile("Switches") == "–")
        self.server.send(process(42, 300))
        self.wait("a rate again", lambda: self.tile("Switches") == "200")
        self.assert_quiet_console()

    def test_a_process_id_that_is_used_again(self):
        ended = {"ended": "exited", "status": 3 << 8}
        self.open_and_send(process(42, 10))
        self.server.send(process(42, 20, **ended))
        self.wait_for_text("one-note", r"^Exited with status 3, seen at \d\d:\d\d:\d\d")
        self.server.send(process(42, 20, **ended), process(42, 5, executable="/usr/bin/other"))
        self.wait_for_text("one-note", "^Followed$")
        self.server.send(process(42, 9, executable="/usr/bin/other"), process(42, 20, **ended))
        self.wait("a rate", lambda: self.tile("Switches") == "4")
        self.assert_quiet_console()

    def test_ends(self):
        self.open_and_send(process(42, 10), process(43, 10, command="client"), address="#process=42")
        for ended, status, text in (
                ("exited", 0, "^Exited with status 0"), ("exited", 3 << 8, "^Exited with status 3"),
                ("exited", 9, "^Killed by signal 9,"),
                ("exited", 139, "^Killed by signal 11, with a core file"), ("exited", None, "^Exited,"),
                ("executed", None, "^Replaced itself"), ("trace ended", None, "^Ended: trace ended")):
            self.server.send(process(42, 10))
            self.wait_for_text("one-note", "^Followed")
            self.server.send(process(42, 10, ended=ended, status=status))
            self.wait_for_text("one-note", text)
        self.server.send(process(42, 10, ended="exited"), process(44, 1))
        self.wait_for_text("one-next", "^server runs again as 44$")
        self.server.send(process(44, 2))
        self.wait_for_text("one-note", "^Not in the figures any more")
        self.find("one-next").click()
        self.wait_for_text("one-title", "^server 44$")
        self.assertTrue(self.find("dump").is_enabled())
        self.assert_quiet_console()

    def test_silence_is_told_and_a_gap_is_no_line(self):
        self.open_and_send(process(42, 10))
        self.server.send(process(42, 20))
        self.server.send(process(42, 20, duration_ns=2_000_000_000), seconds=12)
        self.wait_for_text("one-note", "^Followed, but silent since")
        self.assertEqual(self.run_script(
            "return document.querySelector('#states .fill.blocked').getAttribute('d').match(/M/g).length"), 2)
        self.server.send(process(42, 30))
        self.wait_for_text("one-note", "^Followed$")
        self.assert_quiet_console()

    def test_figures_without_sense(self):
        odd = [None, -1, "1", 1e300, [], {}]
        for value in odd:
            with self.subTest(value=value):
                whole = dict.fromkeys(process(1), value)
                self.open_and_send({**whole, "pid": 42, "command": "server"}, tracer=value, version=value)
                self.wait_for_text("one-title", "^server 42$")
                deep = process(42, command="deep")
                for name in ("counts", "results", "live", "blocked_now", "blocked", "calls", "lifetime"):
                    deep[name] = dict.fromkeys(("__proto__", "constructor", "ok", "mutex", "events"), value)
                for name in ("tasks", "slowest"):
                    deep[name] = [dict.fromkeys(deep[name][0], value)]
                deep["run_queue_wait"] = {"count": value, "buckets": [[value, value]]} if value != {} else value
                self.server.send(deep)
                self.wait_for_text("one-title", "^deep 42$")
                self.assert_quiet_console()
                self.server.hang_up()

    def test_foreign_texts_stay_text(self):
        evil = "<img src=x onerror=\"document.title='owned'\">\u202e\u0000\u001b" + "x" * 1000
        self.open_and_send(
            process(42, 10, command=evil, executable=evil, results={evil: 3}, ended=None,
                    blocked={evil: latency(3)}, calls={evil: latency(3)},
                    blocked_now={evil: {"count": 1, "oldest_ns": 1}},
                    slowest=[{"fibril": 1, "task": 1, "age_ns": 1,
                              **dict.fromkeys(("name", "state", "reason", "call"), evil)}]),
            version=evil)
        self.wait_for_text("one-title", "^<img src=x")
        self.wait_for_text("slowest-rows", "<img src=x")
        self.assertEqual(self.browser.find_elements(By.CSS_SELECTOR, "img"), [])
        for hidden in "\u202e\u0000\u001b":
            self.assertNotIn(hidden, self.text("main"))
        self.look(PHONE, "light")
        self.assert_fits("long names")
        self.assert_quiet_console()

    def test_dump_that_fails_and_dump_that_is_long(self):
        self.open_and_send(process(42, 10))
        self.server.dump = (409, "cannot dump process 42: it has ended\n")
        self.find("dump").click()
        self.wait_for_text("dump-note", "^No dump of process 42: cannot dump process 42: it has ended$")
        self.assertFalse(self.find("dump-save").is_enabled())
        entry = "fibril:worker-%d state:S\nCall Trace:\n <FIBRIL>\n work()+0x1/0x2\n </FIBRIL>\n"
        long = "sysrq: Show State\n" + "".join(entry % index for index in range(100_000)) + "<b>the end</b>\n"
        self.server.dump = (200, long)
        self.find("dump-again").click()
        self.wait_for_text("dump-note", "^Taken at .* the first 2.00 MiB are shown, Save has all$")
        self.assertEqual(self.text("dump-text"), long[:2 << 20])
        # Found behind what is shown, too.
        self.find("dump-find").send_keys("worker-99999 ")
        self.find("dump-only").click()
        self.wait("the one that matches", lambda: self.text("dump-text") == entry % 99999 + "<b>the end</b>\n")
        self.wait_for_text("dump-note", "^Match 1 of 1$")
        self.find("dump-find").send_keys(Keys.ESCAPE, Keys.ESCAPE)
        self.assert_quiet_console("409 (Conflict)")

    def test_a_server_that_sends_nonsense_is_tried_again(self):
        self.server.refusal = (503, "text/plain", "not yet\n")
        self.open(self.server.address)
        self.wait_for_text("connection", "^Tracer gone since .*: not yet$")
        self.wait_for_text("nothing", "No figures yet")
        self.server.refusal = None
        self.wait("the page follows", lambda: self.server.is_followed)
        self.server.send(process(42, 10))
        self.wait_for_text("one-title", "^server 42$")
        self.assertFalse(self.find("nothing").is_displayed())
        self.server.send_raw("figures", "{ not JSON")
        self.wait_for_text("connection", "^Tracer gone since .*: what it sends are no figures")
        self.server.hang_up()
        self.server.refusal = (503, "text/plain", "too many readers <b>of this page</b>\n")
        self.find("retry-now").click()
        self.wait("tried again", lambda: any("503" in line["message"] for line in self.browser.get_log("browser")))
        self.server.refusal = None
        # By itself, without the button.
        self.wait("the page follows", lambda: self.server.is_followed)
        self.server.send(process(42, 20))
        self.wait_for_text("connection", "^Live again since")
        self.server.send_raw("ending", '{"why": "<b>asked to</b>"}')
        self.wait_for_text("connection", r"^Tracer stopped at \d\d:\d\d:\d\d: <b>asked to</b>")
        self.assert_quiet_console("503 (Service Unavailable)")
