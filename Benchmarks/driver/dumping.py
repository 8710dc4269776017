"""What it takes to dump very many parked stacks, and one of few: ours beside gdb and py-spy, which dump threads."""

import contextlib
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time

from .measuring import Broken, SECONDS, alternate
from .peers import BUILD, RELEASE, SOURCES, note
from .table import FIGURE, at_most

OURS = RELEASE / "fibril"
WORKLOAD = RELEASE / "fibril-workload"
STACKS, DEPTH = 100_000, 12
# A peer that dumps its threads in less is given ten times as many. Its time by thread hardly depends on their number.
PEER_SECONDS = 4
PEER_THREADS = {"gdb": 10_000, "py-spy": 1000}
PEER_ROUNDS = 2


def measure(results, available):
  pointers = [WORKLOAD, "--tasks", "2", "--fibrils", STACKS // 2, "--blocks", "0", "--park", "3600", "--depth", DEPTH]
  per_stack = None
  # The last name in each is that of the innermost function.
  for program, command, innermost in (("", pointers, b"parkHere("),
                                      (" without frame pointers", None, b"park_here+")):
    if command is None:
      if "parked stacks" not in available:
        continue
      command = [available["parked stacks"], "contexts", STACKS]
    name = f"dump of {STACKS:,} stacks of {DEPTH}{program}"
    note(name)
    factor = 2 if program else 1
    try:
      with parked(command) as pid:
        wait_until_parked(pid, innermost)
        seconds, memory, compact = many(pid, innermost)
    except Broken as error:
      results.add_broken(name, str(error))
      continue
    results.add(name, "s", seconds, at_most(1 * factor, "s"))
    results.add(f"{name}, --compact", "s", compact, at_most(0.5 * factor, "s"))
    results.add(f"{name}: memory", "MB", memory / 1e6, at_most(300, "MB"))
    per_stack = per_stack or seconds / STACKS
  single(results)
  if per_stack:
    beside_peers(results, available, per_stack)


def many(pid, innermost) -> tuple:
  """Seconds in full, most memory in bytes, seconds with equal stacks merged. The text goes to a file."""
  memory = []

  def full():
    seconds, peak, stacks, ends = dumped([OURS, "dump", "-p", pid], innermost, b" </FIBRIL>")
    memory.append(peak)
    if stacks != STACKS or ends < STACKS:
      raise Broken(f"{stacks} of {STACKS} stacks are there, {ends} with their end")
    return seconds

  def compact():
    seconds, peak, stacks = dumped([OURS, "dump", "-p", pid, "--compact"], innermost)
    memory.append(peak)
    # One or two entries stand for all; their numbers are in the first line too.
    if not 1 <= stacks <= 16:
      raise Broken(f"{stacks} entries are left of {STACKS} stacks that are mostly alike")
    return seconds

  seconds, merged = alternate([full, compact])
  return seconds, max(memory), merged


def single(results):
  """Of one fibril of a program that has ten."""
  name = "dump of one fibril of a small process"
  note(name)

  def one():
    seconds, _, stacks = dumped([OURS, "dump", "-p", pid, "--fibril", "5"], b"parkHere(")
    if stacks != 1:
      raise Broken(f"{stacks} fibrils are there, and one was wanted")
    return seconds

  try:
    with parked([WORKLOAD, "--fibrils", "10", "--blocks", "0", "--park", "3600", "--depth", DEPTH]) as pid:
      wait_until_parked(pid, b"parkHere(", 10)
      results.add(name, "ms", alternate([one])[0] * 1000, at_most(100, "ms"))
  except Broken as error:
    results.add_broken(name, str(error))


def beside_peers(results, available, ours):
  """Time by stack, of as many as the peer can hold."""
  for peer, command, dump, innermost in (
    ("gdb", lambda count: [available["parked stacks"], "threads", count],
     lambda pid: [available["gdb"], "-q", "-batch", "-nx", "-iex", "set debuginfod enabled off", "-p", pid,
                  "-ex", "thread apply all bt"], b" park_here ("),
    ("py-spy", lambda count: [sys.executable, SOURCES / "parked_threads.py", count],
     lambda pid: [available["py-spy"], "dump", "--pid", pid], b" park_here ("),
  ):
    name = "dump, a stack"
    if peer not in available or (peer == "gdb" and "parked stacks" not in available):
      results.add(name, "us", ours * 1e6, FIGURE, peer)
      continue
    note(f"{name}, {peer}")
    try:
      count, seconds = most_threads(peer, command, dump, innermost)
    except Broken as error:
      results.add_broken(f"{name}, {peer}", str(error))
      continue
    results.add(name, "us", ours * 1e6, FIGURE, f"{peer} ({count:,} threads)", seconds / count * 1e6)


def most_threads(peer, command, dump, innermost) -> tuple:
  """How many threads it dumped at last, and how long that took."""
  count = 100
  while True:
    with parked(command(count)) as pid:

      def all_of_them():
        seconds, _, stacks = dumped(dump(pid), innermost)
        if stacks != count:
          raise Broken(f"{peer} shows {stacks} of {count} stacks")
        return seconds

      seconds = alternate([all_of_them], rounds=PEER_ROUNDS)[0]
    if seconds > PEER_SECONDS or count * 10 > PEER_THREADS[peer]:
      return count, seconds
    count *= 10


@contextlib.contextmanager
def parked(command):
  """A program that parks its stacks, until the end of this: its process id, once it says that it is there."""
  command = [str(word) for word in command]
  process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
  try:
    # The workload does not say it; for that see wait_until_parked.
    if command[0] != str(WORKLOAD) and process.stdout.readline() != "parked\n":
      raise Broken(f"`{' '.join(command)}` parks nothing")
    yield process.pid
  finally:
    process.kill()
    process.communicate()


def wait_until_parked(pid, innermost, count=STACKS):
  deadline = time.monotonic() + SECONDS
  while True:
    with contextlib.suppress(Broken):
      if dumped([OURS, "dump", "-p", pid], innermost)[2] >= count:
        return
    if time.monotonic() > deadline:
      raise Broken(f"{count} stacks are not parked after {SECONDS} s")
    time.sleep(0.1)


def dumped(command, *words) -> tuple:
  """Seconds, most memory in bytes, and in how many lines each word stands. The text goes to a file, and never into
  memory as a whole: what this program has of it counts as its children's."""
  command = [str(word) for word in command]
  with tempfile.TemporaryDirectory(dir=BUILD) as folder:
    path, errors = pathlib.Path(folder) / "dump", pathlib.Path(folder) / "errors"
    with path.open("wb") as file, errors.open("wb") as error_file:
      start = time.perf_counter()
      process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=error_file)
      try:
        peak = ended(process)
      finally:
        if process.returncode is None:
          process.kill()
          process.wait()
      seconds = time.perf_counter() - start
    if process.returncode != 0:
      said = errors.read_text(errors="replace").strip()[-300:]
      raise Broken(f"`{' '.join(command)}` failed with {process.returncode}: {said}")
    counts = [0] * len(words)
    with path.open("rb") as file:
      for line in file:
        for index, word in enumerate(words):
          counts[index] += word in line
    return seconds, peak, *counts


def ended(process) -> int:
  """Waits for a child, no longer than any measurement takes, and says how much memory it has had."""
  descriptor = os.pidfd_open(process.pid)
  try:
    if not select.select([descriptor], [], [], SECONDS)[0]:
      raise Broken(f"`{' '.join(process.args)}` did not end in {SECONDS} s")
  finally:
    os.close(descriptor)
  _, status, usage = os.wait4(process.pid, 0)
  process.returncode = os.waitstatus_to_exitcode(status)
  return usage.ru_maxrss * 1024
