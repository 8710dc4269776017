"""System calls: submitted ones that do not block, helpers, reads from the page cache."""

import pathlib
import tempfile

from .measuring import compare, field
from .peers import BUILD, RELEASE
from .table import more_at_most, ratio_at_most

OURS = RELEASE / "fibril-bench"
VECTOR = 64
CALLS = 640_000
HELPER_CALLS = 100_000
READS = 192_000
BLOCK = 4096


def measure(results, available):
  plain = lambda *words: lambda: field([available["plain calls"], *words], "ns")()
  compare(results, available, f"submitted getppid, vectors of {VECTOR}", "ns",
          field([OURS, "submitted-calls", "--vector", VECTOR, "--vectors", CALLS // VECTOR], "ns"),
          [("plain calls", plain("getppid", CALLS), more_at_most(60, "ns"))])
  compare(results, available, "flock by a helper, 16 in flight", "ns",
          field([OURS, "helper-calls", "--in-flight", 16, "--calls", HELPER_CALLS], "ns"),
          [("plain calls", plain("flock", HELPER_CALLS), more_at_most(1000, "ns"))])
  with tempfile.TemporaryDirectory(dir=BUILD) as folder:
    file = pathlib.Path(folder) / "cached"
    file.write_bytes(b"fibril\n\0" * (VECTOR * BLOCK // 8))
    compare(results, available, "cached pread of 4 KiB, submitted", "ns",
            field([OURS, "cached-reads", "--vector", VECTOR, "--vectors", READS // VECTOR, file], "ns"), [
              ("plain calls (preadv2 RWF_NOWAIT)", plain("preadv2-nowait", READS, file), ratio_at_most(1.10)),
              ("plain calls (pread)", plain("pread", READS, file), ratio_at_most(1.4)),
            ])
