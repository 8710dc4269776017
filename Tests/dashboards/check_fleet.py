"""The configurations in docs/fleet.md: each is taken out, and must please promtool."""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import boards

BLOCK = re.compile(r"^```yaml\n# (\S+\.yml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def extract(folder):
    """Writes the configurations beside the shipped files; returns the names of those for Prometheus itself."""
    shutil.copytree(boards.ROOT / "dashboards/prometheus", folder, dirs_exist_ok=True)
    (folder / "token").write_text("secret\n")
    text = (boards.ROOT / "docs/fleet.md").read_text()
    blocks = BLOCK.findall(text)
    if len(blocks) != text.count("```yaml"):
        sys.exit("docs/fleet.md: a yaml block does not begin with its file's name")
    for name, content in blocks:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return [name for name, content in blocks if "scrape_configs:" in content]


def promtool(folder, *words):
    check = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)
    if check.returncode or "WARNING" in check.stderr + check.stdout:
        sys.exit(f"docs/fleet.md: promtool {' '.join(words)}:\n{check.stdout}{check.stderr}")
    return check.stdout


def check_kubernetes(folder):
    """Debian's promtool does not know Kubernetes: what it would find is put in its place, and becomes one target."""
    path = folder / "kubernetes.yml"
    found = [
        {
            "targets": [address],
            "labels": {"__meta_kubernetes_pod_container_port_name": port, "__meta_kubernetes_pod_node_name": "node-1"},
        }
        for address, port in (("10.1.0.1:9464", "fibril"), ("10.1.0.2:80", "http"))
    ]
    discovery = "kubernetes_sd_configs:\n      - role: pod\n"
    text = path.read_text()
    if text.count(discovery) != 1:
        sys.exit("docs/fleet.md: kubernetes.yml finds its targets otherwise than this check expects")
    path.write_text(text.replace(discovery, f"static_configs: {json.dumps(found)}\n"))
    targets = json.loads(promtool(folder, "check", "service-discovery", "kubernetes.yml", "fibril"))
    names = [target["labels"]["instance"] for target in targets if target["labels"]]
    if names != ["node-1"]:
        sys.exit(f"docs/fleet.md: kubernetes.yml scrapes {names}, not the one tracer")


def main():
    with tempfile.TemporaryDirectory(prefix="fibril-fleet-") as scratch:
        folder = pathlib.Path(scratch)
        names = extract(folder)
        check_kubernetes(folder)
        for name in names:
            promtool(folder, "check", "config", name)
        print(f"check-fleet: promtool likes {len(names)} configurations")


if __name__ == "__main__":
    main()
