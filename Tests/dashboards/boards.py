"""The Grafana dashboards as the checks see them: panels, targets, and the variables in their expressions."""

import json
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dashboards/grafana").glob("*.json"))
VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")


def load(path):
    """The dashboard in a file, no key of which stands there twice."""

    def unique(pairs):
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            raise ValueError(f"{path.name}: a key stands twice among {keys}")
        return dict(pairs)

    return json.loads(path.read_text(), object_pairs_hook=unique)


def panels(board):
    """Panels that show data: rows are headings."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def variables(board):
    return {variable["name"]: variable for variable in board["templating"]["list"]}


def names_in(text):
    return {braced or bare for braced, bare in VARIABLE.findall(text)}


def fill(text, values):
    """The text with every variable replaced; one without a value is an error."""
    return VARIABLE.sub(lambda match: values[match[1] or match[2]], text)
