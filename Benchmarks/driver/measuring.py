"""Runs programs in turn, ours and its peers, round after round, and keeps the best of each."""

import json
import subprocess

from .peers import note

# Whole programs that keep every processor busy are disturbed more often and take more rounds.
ROUNDS = 5
# Longer than any single measurement takes; one that hangs is broken.
SECONDS = 120


class Broken(Exception):
  """A measurement that is worth nothing: a program failed, or counts differ."""


def figures(command) -> dict:
  """What a program prints as one JSON line."""
  return json.loads(output(command).strip().splitlines()[-1])


def output(command) -> str:
  command = [str(word) for word in command]
  try:
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
  except subprocess.TimeoutExpired:
    raise Broken(f"`{' '.join(command)}` did not end in {SECONDS} s")
  if done.returncode != 0:
    raise Broken(f"`{' '.join(command)}` failed with {done.returncode}: {done.stderr.strip()[-300:]}")
  return done.stdout


def field(command, name):
  """A measurement: runs the command and takes one of its figures."""
  return lambda: figures(command)[name]


def alternate(measurements, best=min, rounds=ROUNDS):
  """The best of each measurement, which are made in turn so that all meet the same machine. What disturbs a
  run only ever makes it worse, so the best is the nearest to what the program can do."""
  seen = [[] for _ in measurements]
  for _ in range(rounds):
    for values, measure in zip(seen, measurements):
      values.append(measure())
  return [best(values) for values in seen]


def compare(results, available, name, unit, ours, peers, best=min, rounds=ROUNDS):
  """Rows of one figure of ours: one row for each (peer, measurement, goal); peer is the name of the program,
  with what of it is measured in brackets, or None where there is none to compare with. A measurement is called
  only if its peer is there."""
  note(name)
  present = [(peer, measure) for peer, measure, _ in peers if peer and program(peer) in available]
  try:
    values = alternate([ours] + [measure for _, measure in present], best, rounds)
  except Broken as error:
    return results.add_broken(name, str(error))
  by_peer = dict(zip((peer for peer, _ in present), values[1:]))
  for peer, _, goal in peers:
    results.add(name, unit, values[0], goal, peer, by_peer.get(peer))


def program(peer) -> str:
  return peer.split(" (")[0]
