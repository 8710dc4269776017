"""What tracing costs the traced program: an enabled event, ours and its peers', and a busy program as a whole."""

import json
import os
import statistics
import subprocess
import time

from . import tracers
from .measuring import Broken, SECONDS, alternate, figures
from .peers import BUILD, RELEASE, note
from .table import FIGURE, at_least, at_most, ratio_at_most

OURS = RELEASE / "fibril-bench"
ROUNDS = 5
# All of it has room in the tracer's ring: a full one would make the rest cheaper.
BATCHED = 1_500_000
TRAPPED = 200_000
PASSES = 50_000_000
LTTNG_EVENTS = 1_000_000
SWITCH_NS = 1000
# A tracer that is not there by then has failed, and says why itself.
ATTACH_SECONDS = 20
SWITCHES = 1_000_000
# So many take a minute where nobody disturbs, each with three events of about so long.
HANDOVERS, HANDOVER_NS, EVENT_NS = 90_000_000, 650, 15
# So many take ten seconds, with a million events in each.
COUNTED, COUNTED_NS = 3_333_333, 3000


def measure(results, available):
  if os.geteuid() != 0:
    return note("tracing is measured by root only")
  enabled_events(results, available)
  stacks(results)
  untraced_sites(results, available)
  slowdown(results)
  sums(results)
  scale(results)


def enabled_events(results, available):
  """A yield makes one event, a switch: what it costs more than an untraced one."""
  name = "enabled event"
  note(name)
  measurements = {
    "untraced": lambda: cost("yield", 2 * BATCHED),
    "batch": lambda: cost("yield", BATCHED, tracers.ours()),
    "precise": lambda: cost("yield", TRAPPED, tracers.ours("--mode", "precise")),
    "empty BPF program": lambda: cost("yield", TRAPPED,
                                      tracers.empty_program(available["empty BPF program"], OURS, "switch")),
    "bpftrace": lambda: cost("yield", TRAPPED, tracers.bpftrace(available["bpftrace"], OURS, "switch")),
    "perf": lambda: cost("yield", TRAPPED, tracers.perf(available["perf"], OURS, "switch")),
    "LTTng-UST": lambda: lttng(available),
  }
  present = [key for key in measurements if key in ("untraced", "batch", "precise") or key in available]
  try:
    seen = dict(zip(present, alternate([measurements[key] for key in present], rounds=ROUNDS)))
  except Broken as error:
    return results.add_broken(name, str(error))
  costs = {key: value if key == "LTTng-UST" else value - seen["untraced"] for key, value in seen.items()}
  for mode, peers in (
    ("batch", [(None, at_most(18, "ns")), ("LTTng-UST", ratio_at_most(0.15)), ("bpftrace", FIGURE), ("perf", FIGURE)]),
    ("precise", [("empty BPF program", ratio_at_most(1.25)), ("bpftrace", FIGURE), ("perf", FIGURE)]),
  ):
    for peer, goal in peers:
      results.add(f"{name}, {mode} mode", "ns", costs[mode], goal, peer, costs.get(peer))


def stacks(results):
  """A hand-over makes three events, of which one is a block and gets a stack."""
  name = "enabled block with its user stack, precise mode"
  note(name)
  precise = ("--mode", "precise")
  try:
    untraced, plain, with_stack = alternate([
      lambda: cost("handover", 2 * BATCHED),
      lambda: cost("handover", TRAPPED, tracers.ours(*precise), events=3),
      lambda: cost("handover", TRAPPED, tracers.ours(*precise, "--stacks"), events=3),
    ], rounds=ROUNDS)
  except Broken as error:
    return results.add_broken(name, str(error))
  results.add(name, "ns", with_stack - plain + (plain - untraced) / 3, FIGURE)


def untraced_sites(results, available):
  name = "probe site off, with the loop around it"
  note(name)
  sites = lambda site: lambda: figures([BUILD / "probe-sites", site, PASSES])["ns"]
  try:
    loop, site = alternate([sites("none"), sites("switch")], rounds=ROUNDS)
    peer = None
    if "LTTng-UST" in available:
      peer = min(sum(lttng_pass(available)) for _ in range(ROUNDS))
  except Broken as error:
    return results.add_broken(name, str(error))
  results.add(name, "ns", site, FIGURE, "the loop alone", loop)
  results.add(name, "ns", site, FIGURE, "LTTng-UST", peer)


def slowdown(results):
  """Of a program with so much other work that it switches a million times a second."""
  name = "processor time more at 1M switches/s, batch mode"
  note(name)
  try:
    step = (cost("yield", 100_000, work=1000) - cost("yield", 100_000)) / 1000
    work = round((SWITCH_NS - cost("yield", 100_000)) / step)
    pairs = [(cost("yield", SWITCHES, work=work), cost("yield", SWITCHES, tracers.ours(), work=work))
             for _ in range(ROUNDS)]
  except Broken as error:
    return results.add_broken(name, str(error))
  untraced, traced = (statistics.median(values) for values in zip(*pairs))
  results.add(name, "%", (traced / untraced - 1) * 100, at_most(5, "%"))


def sums(results):
  """What the reader of `fibril stat` and `fibril serve` takes for a million events a second, and what they cost the
  program beside those that are only recorded."""
  name = "1M events/s summed up"
  note(name)
  seen = []

  def counted():
    seen.append({})
    return cost("handover", COUNTED, tracers.counting(seen[-1]), work=work, events=3)

  try:
    step = (cost("handover", 100_000, work=1000) - cost("handover", 100_000)) / 1000
    work = round((COUNTED_NS - 3 * EVENT_NS - cost("handover", 100_000)) / step)
    untraced, recorded, summed = alternate([
      lambda: cost("handover", COUNTED, work=work),
      lambda: cost("handover", COUNTED, tracers.ours(), work=work, events=3),
      counted,
    ], rounds=3)
  except Broken as error:
    return results.add_broken(name, str(error))
  # A nanosecond an event is a tenth of a percent of a processor.
  best = min(one["event_ns"] for one in seen)
  results.add(f"{name}: the reader's processor time", "%", best / 10, at_most(5, "%"))
  results.add(f"{name}: the reader's memory", "MB", min(one["resident"] for one in seen) / 1e6, FIGURE)
  results.add(f"{name}: an event in the program", "ns", (summed - untraced) / 3, FIGURE, "batch mode",
              (recorded - untraced) / 3)


def scale(results):
  """A hand-over makes three events. There are more of them than must be, since the machine is shared."""
  name = "3M events/s for a minute into a .fbt file"
  note(name)
  seen = {}
  try:
    step = (cost("handover", 100_000, work=1000) - cost("handover", 100_000)) / 1000
    untraced = HANDOVER_NS - 3 * EVENT_NS
    work = round((untraced - cost("handover", 100_000)) / step)
    cost("handover", HANDOVERS, tracers.recording(seen), work=work, events=3)
  except Broken as error:
    return results.add_broken(name, str(error))
  resident = seen["resident"]
  results.add(f"{name}: events", "M/s", seen["events"] / seen["duration_ns"] * 1000,
              at_least(3, "M/s"))
  results.add(f"{name}: lost", "records", seen["lost"], at_most(0, "records"))
  results.add(f"{name}: an event", "bytes", seen["bytes"] / seen["events"], at_most(12, "bytes"))
  results.add(f"{name}: the tracer's processor time", "%", seen["tracer_cpu_ns"] / seen["duration_ns"] * 100, FIGURE)
  results.add(f"{name}: its memory at the end", "MB", resident[-1] / 1e6, ratio_at_most(1.05), "after 10 s",
              resident[10] / 1e6)


def cost(kind, rounds, tracer=None, work=0, events=1) -> float:
  """Processor time of a round, in nanoseconds, with the program on the first processor. Time that others take from it
  on a shared machine is not in it, and that of its traps is."""
  command = ["taskset", "-c", str(sorted(os.sched_getaffinity(0))[0]), str(OURS), "traced-events", "--kind", kind,
             "--rounds", str(rounds), "--work", str(work)]
  if tracer is None:
    return figures(command)["processor_ns"]
  process = subprocess.Popen([*command, "--wait-for-tracer", str(ATTACH_SECONDS)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
  try:
    # taskset becomes the program.
    while process.poll() is None and os.readlink(f"/proc/{process.pid}/exe") != str(OURS.resolve()):
      time.sleep(0.001)
    with tracer(process.pid, rounds * events):
      printed, errors = process.communicate(timeout=SECONDS)
  except subprocess.TimeoutExpired:
    raise Broken(f"`{' '.join(command)}` did not end in {SECONDS} s")
  finally:
    if process.poll() is None:
      process.kill()
      process.communicate()
  if process.returncode != 0:
    raise Broken(f"`{' '.join(command)}` failed with {process.returncode}: {errors.strip()[-300:]}")
  return json.loads(printed)["processor_ns"]


def lttng(available) -> float:
  with tracers.lttng_session():
    return lttng_pass(available)[0]


def lttng_pass(available) -> tuple:
  """What a tracepoint costs, and what the loop around it."""
  first = str(sorted(os.sched_getaffinity(0))[0])
  seen = figures(["taskset", "-c", first, available["LTTng-UST"], LTTNG_EVENTS])
  return seen["ns"], seen["loop_ns"]
