"""The groups of rows, by the name that the command line takes."""

from . import calls, dumping, machine, memory, switching, tracing

ALL = {
  "switching": switching.measure,
  "calls": calls.measure,
  "memory": memory.measure,
  "machine": machine.measure,
  "tracing": tracing.measure,
  "dump": dumping.measure,
}
