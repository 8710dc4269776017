"""The whole of it at work: loads of known kinds, `fibril serve`, a Prometheus with the shipped configuration. Every
expression of the dashboards and every recorded figure must have data, and every alert must fire once it should."""

import os
import secrets
import signal
import subprocess
import sys

import boards
import fleet
from grafana import COMMAND, panels_have_data
from programs import Failure, Programs, get, wait
from prometheus import Prometheus, copy_configuration, set_targets

BUILD = boards.ROOT / ".build/debug"
# For work on these tests, another program that serves figures may stand in.
TRACER = os.environ.get("FIBRIL_TEST_TRACER", f"{BUILD}/fibril serve").split()
# Longer than these tests. The root of most loads counts to it before it lets the others run.
FOREVER = ("--blocks", "20000000")
LOADS = {
    "sleep": ("--kind", "sleep", "--fibrils", "100", *FOREVER),
    "read": ("--kind", "read", "--fibrils", "4", *FOREVER),
    "spawn": ("--kind", "spawn", "--fibrils", "20", *FOREVER),
    # Its fibrils wait long for their turn.
    "busy": ("--kind", "climb", "--depth", "16", "--fibrils", "5000", *FOREVER),
}


def every_panel_has_data(server):
    for path in boards.FILES:
        expressions, _ = panels_have_data(server, boards.load(path))
        print(f"live: {path.name}: {expressions} expressions have data")


# These are there before they are followed.
EARLY = {
    # Three fibrils stuck on mutexes, the others on a wake target.
    "stuck": ("--kind", "sleep", "--fibrils", "4", "--blocks", "1", "--park", "3600", "--deadlock"),
    # A task without rest that makes next to no events, so that none are lost: its only fibril yields to nobody.
    "alone": ("--kind", "climb", "--depth", "64", "--fibrils", "1", "--blocks", "1000000000"),
}


def start_loads(programs, loads):
    # They leave the processors to whoever else wants them.
    command = ("nice", "-n", "19", BUILD / COMMAND)
    return {name: programs.start(name, *command, *options) for name, options in loads.items()}


def is_stuck(process):
    dump = subprocess.run([BUILD / "fibril", "dump", "-p", str(process.pid)], capture_output=True, check=False)
    return b"deadlock of 3 fibrils" in dump.stdout


def every_record_has_data(server):
    names = [rule["name"] for rule in server.rules("record")]
    for name in names:
        wait(f"data of {name}", 60, lambda: server.query(name))
    print(f"live: {len(names)} recorded figures have data")


def answer(address, accept):
    """Its body. On a machine without a moment's rest it may be 503 at first."""

    def ask():
        status, kind, body = get(f"{address}metrics", Accept=accept)
        return (kind, body) if status == 200 else None

    kind, body = wait(f"an answer of the type {accept}", 60, ask)
    if not kind.startswith(accept.split(";")[0]):
        raise Failure(f"/metrics is {kind}, though {accept} was asked for")
    return body


def check_metrics(address):
    """What is served is tidy by promtool's judgement, which reads the older format alone."""
    text = answer(address, "text/plain;version=0.0.4")
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    if check.returncode:
        raise Failure(f"promtool check metrics: status {check.returncode}\n{check.stderr.decode()}")
    text = answer(address, "application/openmetrics-text;version=1.0.0")
    if not text.endswith(b"# EOF\n"):
        raise Failure(f"/metrics as OpenMetrics ends with {text[-20:]}")
    print("live: promtool check metrics finds nothing")


class Alerts:
    """Which alerts have fired so far."""

    def __init__(self, server):
        self.server = server
        self.seen = set()

    def tell(self, pid):
        """Prints what is known of the process that was to trigger an alert, or of the tracer."""
        for labels, value in self.server.query(f'{{pid="{pid}",job="fibril",__name__!~".*_bucket"}}'):
            print(labels, value)

    def alert(self, name, labels):
        """One that fires and has these labels."""
        for alert in self.server.firing().get(name, []):
            if labels.items() <= alert["labels"].items():
                return alert
        return None

    def expect_after(self, cause, name, **labels):
        """What did not fire does once its cause is there."""
        wait(f"the alert {name} with {labels} to end", 90, lambda: not self.alert(name, labels))
        cause()
        self.expect(name, **labels)

    def expect(self, name, **labels):
        try:
            alert = wait(f"the alert {name} with {labels}", 90, lambda: self.alert(name, labels))
        except Failure:
            self.tell(labels.get("pid", ""))
            raise
        for annotation, text in alert["annotations"].items():
            if "<no value>" in text or "<error" in text or not text:
                raise Failure(f"{name}: its {annotation} is not written out: {text}")
        self.seen.add(name)
        print(f"live: {name} fires: {alert['annotations']['summary']}")


def every_alert_fires(server, targets, tracer, loads):
    alerts = Alerts(server)
    stuck, busy = str(loads["stuck"].pid), str(loads["busy"].pid)
    alerts.expect("FibrilStuck", pid=stuck, command=COMMAND, reason="mutex", severity="critical")
    alerts.expect("FibrilWaitsLong", pid=stuck, reason="wake_target")
    alerts.expect("FibrilTaskSaturated", pid=str(loads["alone"].pid))
    alerts.expect("FibrilRunQueueWaitHigh", pid=busy)
    alerts.expect("FibrilTracerCostly", instance="here")
    # A task whose thread stands still: its fibrils do not get their turn.
    alerts.expect_after(lambda: loads["busy"].send_signal(signal.SIGSTOP), "FibrilTaskStalled", pid=busy)
    loads["busy"].send_signal(signal.SIGCONT)
    # A tracer that stands still does not answer, and once it goes on, it says what it has missed.
    alerts.expect_after(lambda: tracer.send_signal(signal.SIGSTOP), "FibrilTracerDown", instance="here")
    tracer.send_signal(signal.SIGCONT)
    alerts.expect("FibrilRecordsLost", instance="here")
    alerts.expect_after(lambda: set_targets(targets, None), "FibrilTracerMissing")

    silent = {rule["name"] for rule in server.rules("alert")} - alerts.seen
    if silent:
        raise Failure(f"nothing was made for these alerts to fire: {sorted(silent)}")
    broken = [f"{rule['name']}: {rule['lastError']}" for rule in server.rules("") if rule.get("lastError")]
    if broken:
        raise Failure(f"rules with errors: {broken}")


def start_tracer(programs, name, *options):
    """The program and its address, such as http://127.0.0.1:9464/."""
    program = programs.start(name, *TRACER, "-a", "--listen", "127.0.0.1:0", *options)
    return program, programs.printed(name, r"listening on (http://127\.0\.0\.1:\d+/)")


def main():
    with Programs() as programs:
        loads = start_loads(programs, EARLY)
        wait("fibrils to be stuck", 60, lambda: is_stuck(loads["stuck"]))
        tracer, address = start_tracer(programs, "serve")
        loads |= start_loads(programs, LOADS)
        folder = programs.folder / "configuration"
        server = Prometheus(programs, "prometheus", copy_configuration(folder))
        targets = folder / "targets/local.yml"
        set_targets(targets, address.split("/")[2])
        wait("the tracer to be scraped", 60, lambda: server.query('up{job="fibril"} == 1'))
        for name, load in loads.items():
            wait(f"the load {name} to be traced", 60, lambda: server.query(f'fibril_tasks{{pid="{load.pid}"}}'))

        every_record_has_data(server)
        every_panel_has_data(server)
        check_metrics(address)
        every_alert_fires(server, targets, tracer, loads)

        programs.end(tracer)
        programs.end(server.process)
        token = programs.folder / "token"
        token.write_text(f"{secrets.token_hex()}\n")
        token.chmod(0o600)
        _, address = start_tracer(programs, "serve-token", "--token-file", token)
        fleet.passes_on(programs, address.split("/")[2], token.read_text())


if __name__ == "__main__":
    # What was started is ended in any case.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("test-dashboards: ended by SIGTERM"))
    try:
        main()
    except Failure as failure:
        sys.exit(f"test-dashboards: {failure}")
