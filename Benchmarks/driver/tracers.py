"""What listens to a program's probes while that is measured: ours and its peers, each started for one process and
ended with everything it left."""

import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

from .measuring import Broken, SECONDS, output
from .peers import BUILD, RELEASE

TRACEFS = pathlib.Path("/sys/kernel/tracing")
EVENT = "fibril_bench/task_switch"


def ours(*options):
  """`fibril trace` of a process. Everything it was given has to have arrived."""
  @contextlib.contextmanager
  def trace(pid, events):
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
      summary = pathlib.Path(folder) / "summary.json"
      with running([RELEASE / "fibril", "trace", "-p", pid, "--summary", summary, *options]):
        yield
      seen = json.loads(summary.read_text())
      if seen["lost"] != 0 or seen["events"] < events:
        raise Broken(f"of {events} events {seen['events']} arrived, and {seen['lost']} records were lost")
  return trace


def recording(seen):
  """`fibril trace` of a process into a .fbt file. Leaves in `seen` the summary, the file's size and the tracer's memory
  in bytes, second by second."""
  @contextlib.contextmanager
  def trace(pid, events):
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
      file, summary = pathlib.Path(folder) / "trace.fbt", pathlib.Path(folder) / "summary.json"
      ended = threading.Event()
      seen["resident"] = []
      with running([RELEASE / "fibril", "trace", "-p", pid, "-o", file, "--summary", summary]) as tracer:
        watch = threading.Thread(target=watch_memory, args=(tracer.pid, seen["resident"], ended))
        watch.start()
        try:
          yield
        finally:
          ended.set()
          watch.join()
      seen.update(json.loads(summary.read_text()), bytes=file.stat().st_size)
      if seen["events"] + seen["lost"] < events:
        raise Broken(f"of {events} events {seen['events']} arrived and {seen['lost']} are said to be lost")
  return trace


def counting(seen):
  """`fibril stat` of a process. Leaves in `seen` what it took for each event, in nanoseconds, and its memory."""
  @contextlib.contextmanager
  def trace(pid, events):
    with running([RELEASE / "fibril", "stat", "-p", pid, "--json"]) as tracer:
      yield
    figures = json.loads(tracer.printed)
    if figures["tracer"]["lost"] != 0 or figures["tracer"]["events"] < events:
      raise Broken(f"of {events} events {figures['tracer']['events']} were counted, and "
                   f"{figures['tracer']['lost']} records lost")
    seen["event_ns"] = figures["tracer"]["cpu_seconds"] * 1e9 / figures["tracer"]["events"]
    seen["resident"] = figures["tracer"]["resident_bytes"]
  return trace


def watch_memory(pid, resident, ended):
  while not ended.wait(1):
    status = pathlib.Path(f"/proc/{pid}/status")
    if status.exists() and (found := re.search(r"VmRSS:\s+(\d+) kB", status.read_text())):
      resident.append(int(found.group(1)) * 1024)


def empty_program(program, path, name):
  """A BPF program that does nothing."""
  offset, semaphore = site(path, name)
  return lambda pid, _: running([program, path, offset, semaphore, pid], ends_with_input=True)


def bpftrace(program, path, name):
  @contextlib.contextmanager
  def trace(pid, events):
    with running([program, "-p", pid, "-e", f"usdt:{path}:fibril:{name} {{ @ = count(); }}"]) as tracer:
      yield
    counted = re.search(r"@: (\d+)", tracer.printed)
    if not counted or int(counted.group(1)) < events:
      raise Broken(f"bpftrace counted `{tracer.printed.strip()}` of {events}")
  return trace


def perf(program, path, name):
  """`perf record` of a uprobe, which is made through tracefs and removed again."""
  offset, semaphore = site(path, name)

  @contextlib.contextmanager
  def trace(pid, _):
    with tracefs(), tempfile.TemporaryDirectory(dir=BUILD) as folder:
      change_uprobes(f"p:{EVENT} {path}:{offset:#x}({semaphore:#x})\n")
      try:
        event = EVENT.replace("/", ":")
        with running([program, "record", "-q", "-e", event, "-p", pid, "-o", pathlib.Path(folder) / "perf.data"]):
          yield
      finally:
        change_uprobes(f"-:{EVENT}\n")
  return trace


def change_uprobes(line):
  # The file cannot be sought in, as Python does to append.
  descriptor = os.open(TRACEFS / "uprobe_events", os.O_WRONLY | os.O_APPEND)
  try:
    os.write(descriptor, line.encode())
  finally:
    os.close(descriptor)


@contextlib.contextmanager
def lttng_session():
  """A session that records the tracepoint of `lttng-events`, its daemon a child of this program."""
  with tempfile.TemporaryDirectory(dir=BUILD) as home:
    environment = {**os.environ, "LTTNG_HOME": home}

    def lttng(*words):
      done = subprocess.run(["lttng", "--no-sessiond", *words], env=environment, capture_output=True, text=True,
                            timeout=SECONDS)
      if done.returncode != 0:
        raise Broken(f"`lttng {' '.join(words)}` failed: {done.stderr.strip()[-300:]}")
      return done.stdout

    with running(["lttng-sessiond", "--no-kernel"], environment, signal.SIGTERM):
      for attempt in range(100):
        try:
          lttng("list")
          break
        except Broken:
          if attempt == 99:
            raise
          time.sleep(0.1)
      lttng("create", "fibril-bench", f"--output={home}/trace")
      try:
        # As much room as ours has.
        lttng("enable-channel", "-u", "-s", "fibril-bench", "--subbuf-size=8M", "--num-subbuf=8", "wide")
        lttng("enable-event", "-u", "-s", "fibril-bench", "-c", "wide", "fibril_bench:task_switch")
        lttng("start", "fibril-bench")
        yield
        lttng("stop", "fibril-bench")
        discarded = re.findall(r"Discarded events: (\d+)", lttng("list", "fibril-bench"))
        if not discarded or any(int(count) for count in discarded):
          raise Broken(f"LTTng-UST has discarded events: {discarded}")
      finally:
        lttng("destroy", "fibril-bench")


class Tracer:
  printed = ""
  pid = 0


@contextlib.contextmanager
def running(command, environment=None, ending=signal.SIGINT, ends_with_input=False):
  """A program that runs meanwhile, on the last processor, and is asked to end afterwards. It may have ended with the
  process that it traces."""
  command = ["taskset", "-c", str(sorted(os.sched_getaffinity(0))[-1]), *(str(word) for word in command)]
  process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env=environment)
  tracer = Tracer()
  tracer.pid = process.pid
  try:
    yield tracer
    if process.poll() is None and not ends_with_input:
      process.send_signal(ending)
    tracer.printed, errors = process.communicate(timeout=SECONDS)
    if process.returncode not in (0, -ending, 128 + ending):
      raise Broken(f"`{' '.join(command)}` failed with {process.returncode}: {errors.strip()[-300:]}")
  finally:
    if process.poll() is None:
      process.kill()
    process.communicate()


@contextlib.contextmanager
def tracefs():
  """Mounted for as long as it is needed, if it was not there."""
  mounts = (TRACEFS / "uprobe_events").exists()
  if not mounts:
    output(["mount", "-t", "tracefs", "tracefs", TRACEFS])
  try:
    yield
  finally:
    if not mounts:
      output(["umount", TRACEFS])


def site(path, name):
  """Where a probe of ours and its semaphore lie in a file."""
  notes = output(["readelf", "-nW", path])
  found = re.search(rf"Provider: fibril\s+Name: {name}\s+Location: (0x\w+), Base: 0x\w+, Semaphore: (0x\w+)", notes)
  if not found:
    raise Broken(f"{path} has no probe {name}")
  segments = re.findall(r"LOAD\s+(0x\w+) (0x\w+) 0x\w+ (0x\w+)", output(["readelf", "-lW", path]))
  def offset(address):
    for start, first, size in ([int(field, 16) for field in segment] for segment in segments):
      if first <= address < first + size:
        return address - first + start
    raise Broken(f"the probe {name} of {path} lies in no segment")
  return tuple(offset(int(address, 16)) for address in found.groups())
