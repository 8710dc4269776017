"""What a million of something costs in memory. Measured once: it is a sum, not a time."""

from .measuring import Broken, figures
from .peers import RELEASE, note
from .table import at_most

OURS = RELEASE / "fibril-bench"
MILLION = 1_000_000
MEGABYTE = 1e6


def measure(results, _):
  name = "1,000,000 calls pending"
  note(name)
  try:
    seen = figures([OURS, "pending-calls", "--calls", MILLION])
    resident, slab = seen["resident_bytes"] / MEGABYTE, seen["slab_bytes"] / MEGABYTE
    results.add(f"{name}: RSS", "MB", resident, at_most(300, "MB"))
    results.add(f"{name}: RSS and kernel slab", "MB", resident + slab, at_most(650, "MB"))
  except Broken as error:
    results.add_broken(name, str(error))
  name = "1,000,000 fibrils parked"
  note(name)
  try:
    seen = figures([OURS, "parked-fibrils", "--fibrils", MILLION])
    results.add(f"{name}: RSS", "MB", seen["resident_bytes"] / MEGABYTE, at_most(4400, "MB"))
  except Broken as error:
    results.add_broken(name, str(error))
