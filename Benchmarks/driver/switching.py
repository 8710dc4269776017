"""Switches, yields, spawning, the mutex and probe sites."""

import re

from .measuring import Broken, compare, field, output
from .peers import BUILD, RELEASE, note
from .table import at_most, ratio_at_most

OURS = RELEASE / "fibril-bench"
YIELDS = 4_000_000
SPAWNS = 500_000
LOCKS = 10_000_000
PASSES = 100_000


def measure(results, available):
  raw_switch(results, available)
  for fibrils in (2, 1000):
    for mixed in (False, True):
      yields(results, available, fibrils, mixed)
  for kind, flags, limit in (("captures", ["--captures"], 0.4), ("captures nothing", [], 0.2)):
    spawns(results, available, kind, flags, limit)
  compare(results, available, "mutex lock and unlock, uncontended", "ns",
          field([OURS, "uncontended-mutex", "--count", LOCKS], "ns"), [(None, None, at_most(10, "ns"))])
  probe_sites(results, available)


def raw_switch(results, available):
  peer = lambda kind: lambda: field([available["Boost.Context"], kind], "ns")()
  compare(results, available, "raw switch", "ns", field([BUILD / "raw-switch"], "ns"), [
    ("Boost.Context (fiber)", peer("class"), ratio_at_most(0.5)),
    ("Boost.Context (fcontext)", peer("raw"), ratio_at_most(0.5)),
  ])


def yields(results, available, fibrils, mixed):
  peer = lambda name: lambda: field([available[name], "yield-mixed" if mixed else "yield", fibrils, YIELDS], "ns")()
  peers = [("Boost.Fiber", peer("Boost.Fiber"), ratio_at_most(0.15 if fibrils == 2 else 0.4))]
  if fibrils == 2:
    peers.append(("Go", peer("Go"), ratio_at_most(0.15)))
  ours = field([OURS, "yield", "--fibrils", fibrils, "--yields", YIELDS, *(["--mixed"] if mixed else [])], "ns")
  compare(results, available, f"yield, {fibrils} fibrils{' of mixed code' if mixed else ''}", "ns", ours, peers)


def spawns(results, available, kind, flags, limit):
  peer = "spawn-capturing" if flags else "spawn-bare"
  compare(results, available, f"spawn, run, join, pooled: {kind}", "ns",
          field([OURS, "spawn", "--count", SPAWNS, *flags], "ns"),
          [("Boost.Fiber", lambda: field([available["Boost.Fiber"], peer, SPAWNS], "ns")(), ratio_at_most(limit))])


def probe_sites(results, available):
  """Instructions of the dearest site, counted and not timed."""
  name = "probe site off"
  goal = at_most(3, "instructions")
  if "valgrind" not in available:
    return results.add_unmeasured(name, "instructions", goal)
  note(name)
  try:
    loop = instructions(available, "none")
    dearest = max(instructions(available, site) - loop for site in ("switch", "block", "wake", "submit", "teardown"))
  except Broken as error:
    return results.add_broken(name, str(error))
  # Starting the program differs by some dozens of instructions from run to run.
  results.add(name, "instructions", round(dearest / PASSES, 2), goal)


def instructions(available, site) -> int:
  log = BUILD / "callgrind.log"
  output([available["valgrind"], "--tool=callgrind", "--callgrind-out-file=/dev/null", f"--log-file={log}",
          BUILD / "probe-sites", site, PASSES])
  found = re.search(r"Collected : (\d+)", log.read_text())
  if not found:
    raise Broken("callgrind did not say how many instructions it has counted")
  return int(found.group(1))
