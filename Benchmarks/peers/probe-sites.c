// Passes a probe site so many times while nobody listens, for callgrind to count the instructions, and prints the
// processor time of a pass. "none" is the loop alone. Built with the runtime's own header and sites.
#include <fibril_events.h>
#include <fibril_probes_sites.h>
#include <stdlib.h>
#include <string.h>

#include "timing.h"

/* What a site calls when somebody listens; then the count is worth nothing. */
#define LISTENED(name, ...) void fibril_emit_##name##_slow(__VA_ARGS__) { fail("somebody listens to " #name); }

LISTENED(switch, struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next, uint32_t state)
LISTENED(block, struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril, uint32_t reason,
	 uint64_t object, uint64_t deadline)
LISTENED(wake, struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril, uint32_t waker_task,
	 uint64_t waker_fibril)
LISTENED(submit, struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent, int32_t call,
	 uint64_t entry, uint32_t name, const char *text)
LISTENED(teardown, struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)

/* What the events say lies in memory, as in the runtime, so that loading it counts where it is done in vain. */
static struct {
	struct fibril_buffer *buffer;
	uint64_t task, fibril, other, time;
} at;

#define PASS(site)                                                      \
	for (uint64_t i = 0; i < count; i++) {                          \
		__asm__ volatile("" : : : "memory");                    \
		site;                                                   \
	}

int main(int argc, char **argv)
{
	if (argc != 3)
		fail("usage: probe-sites none|switch|block|wake|submit|teardown COUNT");
	uint64_t count = strtoull(argv[2], NULL, 10);
	double start = processor_ns();

	if (!strcmp(argv[1], "none"))
		PASS()
	else if (!strcmp(argv[1], "switch"))
		PASS(fibril_emit_switch(at.buffer, at.task, at.fibril, at.other, 0))
	else if (!strcmp(argv[1], "block"))
		PASS(fibril_emit_block(at.buffer, at.task, at.time, at.fibril, 0, at.other, 0))
	else if (!strcmp(argv[1], "wake"))
		PASS(fibril_emit_wake(at.buffer, at.task, at.time, at.fibril, 0, at.other))
	else if (!strcmp(argv[1], "submit"))
		PASS(fibril_emit_submit(at.buffer, at.task, at.fibril, at.other, -1, 0, 0, NULL))
	else if (!strcmp(argv[1], "teardown"))
		PASS(fibril_emit_teardown(at.buffer, at.task, at.fibril, 0))
	else
		fail("no such site");
	printf("{\"ns\":%.4f}\n", (processor_ns() - start) / (double)count);
	return 0;
}
