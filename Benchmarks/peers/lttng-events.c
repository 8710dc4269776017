// What a tracepoint of LTTng-UST costs the thread that passes it, enabled or not: processor time, without
// that of the loop around it.
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng-switch.h"

#include <unistd.h>

#include "timing.h"

static double pass(uint64_t count, int traces)
{
	double start = processor_ns();

	for (uint64_t i = 0; i < count; i++) {
		__asm__ volatile("" : : : "memory");
		if (traces)
			lttng_ust_tracepoint(fibril_bench, task_switch, 1, i, i + 1, 1);
	}
	return (processor_ns() - start) / (double)count;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		fail("usage: lttng-events COUNT");
	uint64_t count = strtoull(argv[1], NULL, 10);

	/* The buffers are touched for the first time, and emptied by the consumer, outside the figure. */
	pass(count, 1);
	usleep(500000);
	double loop = pass(count, 0);
	printf("{\"ns\":%.4f,\"loop_ns\":%.4f}\n", pass(count, 1) - loop, loop);
	return 0;
}
