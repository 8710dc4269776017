"""Checks the Grafana dashboards without a Grafana: against the models of its SDK, and our own rules of tidiness.

Grafana ignores keys that it does not know, so a misspelt one would only show as a panel that looks wrong.
"""

import enum
import json
import re
import sys
import typing

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.cog.runtime import panelcfg_config
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units

import boards

# Grafana's own, beside the variables of the dashboard.
BUILT_IN = {"__all", "__data", "__rate_interval", "__url_time_range"}
UNITS = {value for name, value in vars(units).items() if not name.startswith("_") and isinstance(value, str)}


def missing(ours, theirs, path):
    """What the models dropped: they keep just the keys that Grafana's schema has."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from missing(value, theirs[key], f"{path}.{key}")
            else:
                yield f"{path}.{key}: Grafana's schema has no such key"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, (one, other) in enumerate(zip(ours, theirs)):
            yield from missing(one, other, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} became {theirs!r}"


def fits(value, hint):
    """Whether the value is of the type that the model declares; models in it are looked at by themselves."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(value, "to_json") or hint in (typing.Any, object):
        return True
    if origin is typing.Union:
        return any(fits(value, argument) for argument in arguments)
    if origin is typing.Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(item, arguments[0]) for item in value)
    if issubclass(origin or hint, enum.Enum):
        return value in list(hint)
    if isinstance(value, bool):
        return hint is bool
    return isinstance(value, (int, float) if hint is float else origin or hint)


def mistyped(model, path):
    """The fields of a model, and of those in it, with values of other types than declared."""
    if isinstance(model, list):
        for index, item in enumerate(model):
            yield from mistyped(item, f"{path}[{index}]")
    elif hasattr(model, "to_json"):
        for field, hint in typing.get_type_hints(type(model)).items():
            value = getattr(model, field)
            if value is not None and not fits(value, hint):
                yield f"{path}.{field}: {value!r} is not {hint}"
            yield from mistyped(value, f"{path}.{field}")


def overlaps(one, other):
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


def untidy(board):
    """What Grafana would take, but we do not."""
    known = boards.variables(board)
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        yield f"panel ids are not unique: {ids}"
    if not re.fullmatch(r"[a-z0-9-]{8,40}", board.get("uid", "")) or not board.get("description"):
        yield "the dashboard has no uid of 8 to 40 characters, or no description"
    places = [(panel["title"], panel["gridPos"]) for panel in board["panels"]]
    for index, (title, place) in enumerate(places):
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > 24:
            yield f"{title}: lies outside of the 24 columns"
        for other, where in places[:index]:
            if overlaps(place, where):
                yield f"{title}: lies over {other}"
    titles = [panel.get("title", "").strip() for panel in board["panels"]]
    if "" in titles or len(titles) != len(set(titles)):
        yield f"titles are missing or not unique: {sorted(titles)}"
    for panel in boards.panels(board):
        title = panel["title"]
        if not re.match(r"[A-Z].{30,}\.$", panel.get("description", "").strip(), re.DOTALL):
            yield f"{title}: its description is not a sentence"
        if panelcfg_config(panel["type"]) is None:
            yield f"{title}: Grafana has no panel {panel['type']}"
        if panel.get("datasource") != {"type": "prometheus", "uid": "${datasource}"}:
            yield f"{title}: its data source is not the variable"
        if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
            yield f"{title}: it has no unit that Grafana knows"
        legend = panel["options"].get("legend", {})
        if panel["type"] == "timeseries" and not legend.get("showLegend"):
            yield f"{title}: it has no legend"
        if panel["type"] == "heatmap" and not legend.get("show"):
            yield f"{title}: it has no legend"
        letters = [target["refId"] for target in panel["targets"]]
        if not letters or len(letters) != len(set(letters)):
            yield f"{title}: its targets' letters are missing or not unique: {letters}"
        for target in panel["targets"]:
            if not target.get("expr") or not target.get("legendFormat"):
                yield f"{title}: target {target['refId']} lacks its expression or legend"
    unknown = boards.names_in(json.dumps(board)) - set(known) - BUILT_IN
    if unknown:
        yield f"variables that are not defined: {sorted(unknown)}"
    unused = set(known) - boards.names_in(json.dumps(board["panels"]))
    if unused:
        yield f"variables that no panel uses: {sorted(unused)}"
    for variable in known.values():
        if not variable.get("label"):
            yield f"variable {variable['name']} has no label"


def problems(board):
    """All that is wrong with a dashboard."""
    model = models.Dashboard.from_json(board)
    for panel in model.panels:
        # The models leave these as they are.
        if getattr(panel, "transformations", None):
            panel.transformations = [models.DataTransformerConfig.from_json(item) for item in panel.transformations]
    theirs = json.loads(JSONEncoder().encode(model))
    return [*missing(board, theirs, "dashboard"), *mistyped(model, "dashboard"), *untidy(board)]


def main():
    register_default_plugins()
    wrong = []
    for path in boards.FILES:
        board = boards.load(path)
        wrong += [f"{path.name}: {problem}" for problem in problems(board)]
        print(f"check-dashboards: {path.name}: {len(boards.panels(board))} panels")
    if [path.name for path in boards.FILES] != ["overview.json", "process.json"]:
        wrong.append("the dashboards are not overview.json and process.json")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
