"""Whole programs: random reads of a disk, a walk of /usr, an echo server."""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import time

from .measuring import Broken, compare, field, output
from .peers import BUILD, RELEASE, note
from .table import ratio_at_least, ratio_at_most

OURS = RELEASE / "fibril-bench"
DEPTH = 32
FILE_BYTES = 256 << 20
CONNECTIONS = 64
TREE = "/usr"


def measure(results, available):
  random_reads(results, available)
  walks(results, available)
  echo(results, available)


def random_reads(results, available):
  with tempfile.TemporaryDirectory(dir=BUILD) as folder:
    file = pathlib.Path(folder) / "random"
    with open(file, "wb") as out:
      for _ in range(FILE_BYTES >> 20):
        out.write(os.urandom(1 << 20))
      os.fsync(out.fileno())

    def fio():
      # No map of what was read and few looks at the clock, as on our side.
      text = output([
        available["fio"], "--name=random", f"--filename={file}", "--readonly", "--rw=randread", "--bs=4k", "--direct=1",
        "--ioengine=io_uring", f"--iodepth={DEPTH}", "--runtime=1", "--time_based", "--thread", "--norandommap",
        "--gtod_reduce=1", "--output-format=json"])
      return json.loads(text[text.index("{"):])["jobs"][0]["read"]["iops"]

    compare(results, available, f"random 4 KiB reads, O_DIRECT, depth {DEPTH}", "IOPS",
            field([OURS, "random-reads", "--depth", DEPTH, "--seconds", 1, file], "iops"),
            [("fio", fio, ratio_at_least(0.95))], best=max)


def walks(results, available):
  ours = [RELEASE / "treewalk", "--tasks", 2, TREE]
  # Conditions that no entry meets but that need every entry's status: the same work, and nothing to print.
  find = lambda: seconds([available["GNU find"], TREE, "-links", "0"])
  fd = lambda: seconds([available["fd"], "-u", "--changed-before", "1970-01-02", ".", TREE])
  if "GNU find" in available:
    try:
      same_counts(ours, available)
    except Broken as error:
      results.add_broken("treewalk", str(error))
  compare(results, available, f"treewalk {TREE}, warm", "s", lambda: seconds(ours), [
    ("GNU find", find, ratio_at_most(0.45)), ("fd", fd, ratio_at_most(0.5))], rounds=7)
  if os.geteuid() != 0:
    return note("the cold walk needs root, to drop the kernel's caches")
  compare(results, available, f"treewalk {TREE}, cold", "s", lambda: cold(ours), [
    ("GNU find", lambda: cold([available["GNU find"], TREE, "-links", "0"]), ratio_at_most(0.65))], rounds=2)


def seconds(command) -> float:
  start = time.monotonic()
  output(command)
  return time.monotonic() - start


def cold(command) -> float:
  os.sync()
  pathlib.Path("/proc/sys/vm/drop_caches").write_text("3\n")
  return seconds(command)


def same_counts(ours, available):
  """Compares what both have counted; again if the tree changed meanwhile."""
  for _ in range(5):
    before = find_counts(available)
    counted = output(ours).strip()
    if before == find_counts(available):
      break
  if counted != before:
    raise Broken(f"treewalk counted `{counted}`, find `{before}`")


def find_counts(available) -> str:
  files = directories = others = size = 0
  for line in output([available["GNU find"], TREE, "-printf", "%y %s\n"]).splitlines():
    kind, _, length = line.partition(" ")
    if kind == "f":
      files, size = files + 1, size + int(length)
    elif kind == "d":
      directories += 1
    else:
      others += 1
  return f"files {files} dirs {directories} other {others} bytes {size}"


def echo(results, available):
  """Each server on the first processor, the load on the second, so that neither is in the other's way."""
  compare(results, available, f"echo on loopback, {CONNECTIONS} connections", "requests/s",
          lambda: requests([OURS, "echo-server"]),
          [("Go", lambda: requests([available["Go"], "echo-server"]), ratio_at_least(1.3))], best=max, rounds=9)


def requests(server) -> float:
  processors = sorted(os.sched_getaffinity(0))
  with serving(["taskset", "-c", processors[0], *server]) as port:
    return field(["taskset", "-c", processors[-1], BUILD / "echo-load", port, CONNECTIONS, 0.5], "rps")()


@contextlib.contextmanager
def serving(command):
  """A server that prints its port and ends with its standard input."""
  process = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
  try:
    yield int(json.loads(process.stdout.readline())["port"])
  finally:
    process.stdin.close()
    process.stdout.close()
    try:
      process.wait(timeout=10)
    except subprocess.TimeoutExpired:
      process.kill()
      process.wait()
      raise Broken(f"`{command}` does not end with its standard input")
