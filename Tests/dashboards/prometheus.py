"""A real Prometheus that runs the configuration which is shipped, only faster."""

import json
import math
import re
import shutil
import socket
import urllib.parse

import boards
from programs import Failure, get, wait

# What an alert waits for in production is minutes. Here each fires at once, on loads that a test can make in seconds.
SOONER = {
    "FibrilRunQueueWaitHigh": ("> 0.1", "> 0.0005"),
    "FibrilTaskStalled": ("> 10", "> 3"),
    "FibrilTaskSaturated": ("[5m]", "[5s]"),
    "FibrilStuck": ("> 300", "> 3"),
    "FibrilWaitsLong": ("> 3600", "> 3"),
    "FibrilTracerCostly": ("> 0.25", "> 0.001"),
}


def replaced(pattern, replacement, text, times):
    changed, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
    if count < 1 or times is not None and count != times:
        raise Failure(f"{pattern} is in the shipped file {count} times")
    return changed


def copy_configuration(folder):
    """Copies the shipped configuration, with rules that are looked at once a second and alerts that fire sooner."""
    shutil.copytree(boards.ROOT / "dashboards/prometheus", folder)
    main = folder / "prometheus.yml"
    main.write_text(replaced(r"^  evaluation_interval: 15s$", "  evaluation_interval: 1s", main.read_text(), 1))
    rules = folder / "alerting.rules.yml"
    text = replaced(r"^( *)for: .*$", r"\1for: 0s", rules.read_text(), None)
    for alert, (threshold, lower) in SOONER.items():
        text = replaced(
            rf"(- alert: {alert}\n *expr: .*){re.escape(threshold)}", lambda match: match[1] + lower, text, 1
        )
    rules.write_text(text)
    set_targets(folder / "targets/local.yml", None)
    return main


def set_targets(path, address, instance="here"):
    """Who is scraped, and how often, in a file that Prometheus reads again by itself."""
    group = {"labels": {"instance": instance, "__scrape_interval__": "2s", "__scrape_timeout__": "2s"}}
    groups = [{"targets": [address], **group}] if address else []
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(groups))
    fresh.rename(path)


class Prometheus:
    def __init__(self, programs, name, configuration, *options):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.process = programs.start(
            name,
            "prometheus",
            f"--config.file={configuration}",
            f"--storage.tsdb.path={programs.folder / name}",
            f"--web.listen-address={self.address}",
            *options,
        )
        wait(f"{name} to be ready", 60, lambda: self.process.poll() or self.ready())
        if self.process.poll() is not None:
            raise Failure(f"{name} ended with status {self.process.returncode}")

    def ready(self):
        return get(f"http://{self.address}/-/ready")[0] == 200

    def api(self, path, **parameters):
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        status, _, body = get(url)
        answer = json.loads(body) if body else {"error": "no answer"}
        if status != 200 or answer["status"] != "success":
            raise Failure(f"{url}: {answer.get('error')}")
        return answer["data"]

    def query(self, expression):
        """The samples that are numbers: labels and value of each."""
        samples = [(item["metric"], float(item["value"][1])) for item in self.api("query", query=expression)["result"]]
        return [(labels, value) for labels, value in samples if not math.isnan(value)]

    def label_values(self, query):
        """What a variable of a dashboard offers: `label_values(SELECTOR, LABEL)`."""
        match = re.fullmatch(r"label_values\((.*), (\w+)\)", query)
        if not match:
            raise Failure(f"this is no query for a variable: {query}")
        return self.api(f"label/{match[2]}/values", **{"match[]": match[1]})

    def firing(self):
        """The alerts that fire, by name."""
        alerts = {}
        for alert in self.api("alerts")["alerts"]:
            if alert["state"] == "firing":
                alerts.setdefault(alert["labels"]["alertname"], []).append(alert)
        return alerts

    def rules(self, kind):
        groups = self.api("rules", type=kind)["groups"]
        return [rule for group in groups for rule in group["rules"]]
