"""What Grafana would ask a Prometheus for a dashboard: its variables' values, and with them its panels' expressions."""

import re

import boards
from programs import Failure, wait

# Chosen where a dashboard shows one command.
COMMAND = "fibril-workload"


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


def has_data(server, target, values):
    samples = server.query(boards.fill(target["expr"], values))
    if target.get("format") == "heatmap" and not any(value > 0 for _, value in samples):
        return False
    for label in re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]):
        # A process that has ended at once may have no name.
        if samples and not any(label in labels for labels, _ in samples):
            raise Failure(f"{target['expr']}: its legend wants the label {label}")
    return bool(samples)


def panels_have_data(server, board):
    """Waits until every expression of every panel has data; says how many they are, and what was chosen."""
    chosen = selections(server, board)
    expressions = 0
    for values in chosen:
        for panel in boards.panels(board):
            for target in panel["targets"]:
                what = f"data in {board['title']}, {panel['title']}: {boards.fill(target['expr'], values)}"
                wait(what, 60, lambda: has_data(server, target, values))
                expressions += 1
    return expressions, chosen
