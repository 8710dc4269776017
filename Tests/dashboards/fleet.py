"""The fleet of docs/fleet.md, small: a host's Prometheus scrapes a tracer that wants a token, passes on what has no pid
by remote write, and is asked for the same by a central Prometheus."""

import boards
import check_fleet
from grafana import panels_have_data
from programs import Failure, wait
from prometheus import Prometheus, replaced, set_targets


def quicker(path, seconds=1):
    path.write_text(replaced(r"_interval: \d+s$", f"_interval: {seconds}s", path.read_text(), None))
    return path


def passes_on(programs, tracer, token):
    """`tracer` is an address that answers who shows the token."""
    folder = programs.folder / "fleet"
    check_fleet.extract(folder)
    (folder / "token").write_text(token)
    # Stands for Mimir or Thanos Receive, which understand the same.
    (folder / "store.yml").write_text("")
    store = Prometheus(programs, "store", folder / "store.yml", "--web.enable-remote-write-receiver")
    set_targets(folder / "targets/local.yml", tracer, "host-1")
    configuration = quicker(folder / "host.yml")
    text = configuration.read_text()
    configuration.write_text(replaced(r"url: \S+$", f"url: http://{store.address}/api/v1/write", text, 1))
    host = Prometheus(programs, "host", configuration)
    set_targets(folder / "hosts/web.yml", host.address, "a host's Prometheus")
    central = Prometheus(programs, "central", quicker(folder / "central.yml"))

    wait("the host to scrape with its token", 60, lambda: host.query('up{job="fibril",instance="host-1"} == 1'))
    board = boards.load(boards.ROOT / "dashboards/grafana/overview.json")
    for name, server in (("remote write", store), ("federation", central)):
        _, chosen = panels_have_data(server, board)
        if chosen[1]["instance"] != "(host-1)":
            raise Failure(f"{name}: the hosts are {chosen[1]['instance']}")
        if server.query('count({pid!=""})'):
            raise Failure(f"{name}: series with a pid got through")
        print(f"fleet: the overview has all its data by {name}, and no pid with it")
