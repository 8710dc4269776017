"""Parks as many threads as its argument says, each twelve functions deep, until its input ends: for py-spy."""

import sys
import threading

DEPTH = 12
never = threading.Event()


def park_here():
  never.wait()


def level_even(left):
  level_odd(left - 1) if left else park_here()


def level_odd(left):
  level_even(left - 1) if left else park_here()


threading.stack_size(256 << 10)
for _ in range(int(sys.argv[1])):
  threading.Thread(target=level_even, args=(DEPTH - 2,), daemon=True).start()
print("parked", flush=True)
sys.stdin.read()
