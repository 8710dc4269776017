"""The whole of it at work: loads of known kinds, `fibril serve`, a Prometheus with the shipped configuration. Every
expression of the dashboards and every recorded figure must have data, and every alert must fire once it should."""

import os
import re
import signal
import subprocess
import sys

import boards
from programs import Failure, Programs, get, wait
from prometheus import Prometheus, copy_configuration, set_targets

BUILD = boards.ROOT / ".build/debug"
COMMAND = "fibril-workload"
FOREVER = ("--blocks", "1000000000")
LOADS = {
    "sleep": ("--kind", "sleep", "--fibrils", "100", *FOREVER),
    "read": ("--kind", "read", "--fibrils", "4", *FOREVER),
    "spawn": ("--kind", "spawn", "--fibrils", "4", *FOREVER),
    # A task without rest, the fibrils of which wait long for their turn.
    "busy": ("--kind", "climb", "--depth", "16", "--fibrils", "5000", *FOREVER),
    # Three fibrils stuck on mutexes, the others on a wake target.
    "stuck": ("--kind", "sleep", "--fibrils", "4", "--blocks", "1", "--park", "3600", "--deadlock"),
}


def escaped(value):
    """As Grafana puts values of a variable into a regular expression in a string."""
    return re.sub(r"([\\^$*+?.()|\[\]{}])", r"\\\\\1", value)


def selections(server, board):
    """The values of a dashboard's variables: all there is, then each value by its name."""
    chosen = [{"datasource": "prometheus", "__rate_interval": "1m"} for _ in range(2)]
    for variable in board["templating"]["list"]:
        if variable["type"] != "query":
            continue
        for number, values in enumerate(chosen):
            query = boards.fill(variable["query"]["query"], values)
            found = wait(f"values of {query}", 60, lambda: server.label_values(query))
            if not variable["multi"]:
                values[variable["name"]] = COMMAND if COMMAND in found else found[0]
            elif number == 0:
                values[variable["name"]] = variable["allValue"]
            else:
                values[variable["name"]] = f"({'|'.join(map(escaped, found))})"
    return chosen


def panel_has_data(server, target, values):
    samples = server.query(boards.fill(target["expr"], values))
    if target.get("format") == "heatmap" and not any(value > 0 for _, value in samples):
        return False
    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
        if any(label not in labels for labels, _ in samples):
            raise Failure(f"{target['expr']}: its legend wants the label {label}")
    return bool(samples)


def every_panel_has_data(server):
    expressions = 0
    for path in boards.FILES:
        board = boards.load(path)
        for values in selections(server, board):
            for panel in boards.panels(board):
                for target in panel["targets"]:
                    what = f"data in {path.name}, {panel['title']}: {boards.fill(target['expr'], values)}"
                    wait(what, 60, lambda: panel_has_data(server, target, values))
                    expressions += 1
    print(f"live: {expressions} expressions of panels have data")


def every_record_has_data(server):
    names = [rule["name"] for rule in server.rules("record")]
    for name in names:
        wait(f"data of {name}", 60, lambda: server.query(name))
    print(f"live: {len(names)} recorded figures have data")


def check_metrics(address):
    """What is served is tidy by promtool's judgement, which reads the older format alone."""
    status, kind, text = get(f"{address}metrics", Accept="text/plain;version=0.0.4")
    if status != 200 or not kind.startswith("text/plain"):
        raise Failure(f"/metrics as text/plain: status {status}, {kind}")
    check = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False)
    if check.returncode:
        raise Failure(f"promtool check metrics: status {check.returncode}\n{check.stderr.decode()}")
    status, kind, text = get(f"{address}metrics", Accept="application/openmetrics-text;version=1.0.0")
    if status != 200 or not kind.startswith("application/openmetrics-text") or not text.endswith(b"# EOF\n"):
        raise Failure(f"/metrics as OpenMetrics: status {status}, {kind}, its end {text[-20:]}")
    print("live: promtool check metrics finds nothing")


class Alerts:
    """Which alerts have fired so far."""

    def __init__(self, server):
        self.server = server
        self.seen = set()

    def expect(self, name, pid=None, **labels):
        wanted = {**labels, **({"pid": str(pid)} if pid else {})}

        def fires():
            for alert in self.server.firing().get(name, []):
                if wanted.items() <= alert["labels"].items():
                    return alert
            return None

        alert = wait(f"the alert {name} with {wanted}", 90, fires)
        for annotation, text in alert["annotations"].items():
            if "<no value>" in text or "<error" in text or not text:
                raise Failure(f"{name}: its {annotation} is not written out: {text}")
        self.seen.add(name)
        print(f"live: {name} fires: {alert['annotations']['summary']}")


def main():
    with Programs() as programs:
        tracer = programs.start("serve", *SERVE)
        address = programs.printed("serve", r"listening on (http://127\.0\.0\.1:\d+/)")
        loads = {name: programs.start(name, BUILD / COMMAND, *options) for name, options in LOADS.items()}
        folder = programs.folder / "configuration"
        server = Prometheus(programs, "prometheus", copy_configuration(folder))
        set_targets(folder, address.split("/")[2])
        wait("the tracer to be scraped", 60, lambda: server.query('up{job="fibril"} == 1'))
        wait("all loads to be traced", 60, lambda: server.query(f"fibril_followed_processes >= {len(loads)}"))

        every_record_has_data(server)
        every_panel_has_data(server)
        check_metrics(address)

        alerts = Alerts(server)
        alerts.expect("FibrilStuck", loads["stuck"].pid, command=COMMAND, reason="mutex", severity="critical")
        alerts.expect("FibrilWaitsLong", loads["stuck"].pid, reason="wake_target")
        alerts.expect("FibrilTaskSaturated", loads["busy"].pid)
        alerts.expect("FibrilRunQueueWaitHigh", loads["busy"].pid)
        alerts.expect("FibrilTracerCostly")
        for quiet in ("FibrilTaskStalled", "FibrilTracerDown", "FibrilTracerMissing"):
            if quiet in server.firing():
                raise Failure(f"{quiet} fires without a reason: {server.firing()[quiet]}")
        # A task whose thread stands still: its fibrils do not get their turn.
        os.kill(loads["busy"].pid, signal.SIGSTOP)
        alerts.expect("FibrilTaskStalled", loads["busy"].pid)
        os.kill(loads["busy"].pid, signal.SIGCONT)
        # A tracer that stands still does not answer, and once it goes on, it says what it has missed.
        os.kill(tracer.pid, signal.SIGSTOP)
        alerts.expect("FibrilTracerDown", instance="here")
        os.kill(tracer.pid, signal.SIGCONT)
        alerts.expect("FibrilRecordsLost", instance="here")
        set_targets(folder, None)
        alerts.expect("FibrilTracerMissing")

        silent = {rule["name"] for rule in server.rules("alert")} - alerts.seen
        if silent:
            raise Failure(f"nothing was made for these alerts to fire: {sorted(silent)}")
        broken = [f"{rule['name']}: {rule['lastError']}" for rule in server.rules("") if rule.get("lastError")]
        if broken:
            raise Failure(f"rules with errors: {broken}")


SERVE = os.environ.get("FIBRIL_TEST_EXPORTER", "").split() or (BUILD / "fibril", "serve", "-a", "--listen", "127.0.0.1:0")

if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"test-dashboards: {failure}")
