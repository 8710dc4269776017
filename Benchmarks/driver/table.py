"""The rows and their goals, as a table for people and as JSON for programs."""

import dataclasses
import json
import os
import platform


@dataclasses.dataclass(frozen=True)
class Goal:
  text: str
  # Takes our figure and the peer's.
  holds: object
  needs_peer: bool = True


# Nothing to reach.
FIGURE = Goal("", None, needs_peer=False)


def ratio_at_most(limit):
  return Goal(f"ratio <= {limit}", lambda ours, peer: ours / peer <= limit)


def ratio_at_least(limit):
  return Goal(f"ratio >= {limit}", lambda ours, peer: ours / peer >= limit)


def more_at_most(limit, unit):
  return Goal(f"<= {limit} {unit} more", lambda ours, peer: ours - peer <= limit)


def at_most(limit, unit):
  return Goal(f"<= {limit} {unit}", lambda ours, _: ours <= limit, needs_peer=False)


def at_least(limit, unit):
  return Goal(f">= {limit} {unit}", lambda ours, _: ours >= limit, needs_peer=False)


class Table:
  def __init__(self):
    self.load = os.getloadavg()[0]
    self.rows = []
    self.broken = []

  def add(self, name, unit, ours, goal, peer=None, peer_value=None):
    known = goal is not FIGURE and (not goal.needs_peer or peer_value is not None)
    self.rows.append({
      "name": name, "unit": unit, "ours": ours, "peer": peer, "peer_value": peer_value,
      "ratio": ours / peer_value if peer_value else None,
      "goal": goal.text, "met": bool(goal.holds(ours, peer_value)) if known else None,
    })

  def add_unmeasured(self, name, unit, goal):
    """For want of a tool."""
    self.rows.append({"name": name, "unit": unit, "ours": None, "peer": None, "peer_value": None, "ratio": None,
                      "goal": goal.text, "met": None})

  def add_broken(self, name, why):
    self.broken.append({"name": name, "why": why})

  def print(self, missing):
    head = ["name", "ours", "peer", "peer's value", "ratio", "goal", "met"]
    lines = [head] + [self.line(row) for row in self.rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    for line in lines:
      print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
    print(f"\n{sum(row['met'] is True for row in self.rows)} of {sum(row['goal'] != '' for row in self.rows)} goals met")
    print(f"load average before: {self.load:.1f} on {os.cpu_count()} processors")
    for peer, why in missing.items():
      print(f"missing: {peer}: {why}")
    if not missing:
      print("no peer was missing")
    for broken in self.broken:
      print(f"BROKEN: {broken['name']}: {broken['why']}")

  @staticmethod
  def line(row):
    met = {True: "yes", False: "NO", None: "?" if row["goal"] else ""}[row["met"]]
    theirs = "missing" if row["peer_value"] is None else f"{number(row['peer_value'])} {row['unit']}"
    ours = "not measured" if row["ours"] is None else f"{number(row['ours'])} {row['unit']}"
    return [
      row["name"], ours, row["peer"] or "", theirs if row["peer"] else "",
      f"{row['ratio']:.3f}" if row["ratio"] else "", row["goal"], met,
    ]

  def write_json(self, missing):
    path = os.environ.get("BENCH_JSON")
    if not path:
      return
    with open(path, "w") as file:
      json.dump({
        "machine": {"system": f"{platform.system()} {platform.release()}", "architecture": platform.machine(),
                    "processors": os.cpu_count(), "load": self.load},
        "rows": self.rows, "missing": missing, "broken": self.broken,
      }, file, indent=1)
      file.write("\n")


def number(value) -> str:
  return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 100 else f"{value:.2f}"
