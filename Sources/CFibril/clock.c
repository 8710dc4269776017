/* SPDX-License-Identifier: Apache-2.0 */
/* Chooses the clock of records and table, and learns how fast it ticks. */
#include "fibril_probes.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

uint32_t fibril_clock_kind = FIBRIL_CLOCK_MONOTONIC;

static uint64_t ticks_a_millisecond = 1000000;

uint64_t fibril_ticks_a_millisecond(void)
{
	return ticks_a_millisecond;
}

#if defined(__x86_64__)
/* The kernel keeps time by the TSC only if it found it constant and alike on all processors. */
static bool kernel_trusts_tsc(void)
{
	char name[16] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t got = read(fd, name, sizeof name - 1);
	close(fd);
	return got >= 3 && strncmp(name, "tsc", 3) == 0;
}
#endif

/* Ticks and CLOCK_MONOTONIC at one moment: of five tries the one with the shortest distance. */
void fibril_clock_pair(uint64_t *ticks, uint64_t *nanoseconds) FIBRIL_HIDDEN;
void fibril_clock_pair(uint64_t *ticks, uint64_t *nanoseconds)
{
	uint64_t shortest = UINT64_MAX;

	for (int i = 0; i < 5; i++) {
		uint64_t before = fibril_ticks(), now = fibril_ticks_monotonic(), after = fibril_ticks();
		if (after - before < shortest) {
			shortest = after - before;
			*ticks = before + (after - before) / 2;
			*nanoseconds = now;
		}
	}
}

void fibril_clock_choose(void)
{
#if defined(__x86_64__)
	if (kernel_trusts_tsc()) {
		uint64_t ticks[2], ns[2];
		fibril_clock_kind = FIBRIL_CLOCK_TSC;
		fibril_clock_pair(&ticks[0], &ns[0]);
		do /* 20 us: good for a percent, enough for the two intervals that are measured with it */
			fibril_clock_pair(&ticks[1], &ns[1]);
		while (ns[1] - ns[0] < 20000);
		ticks_a_millisecond = (ticks[1] - ticks[0]) * 1000000u / (ns[1] - ns[0]);
	}
#endif
	fibril_root.clock = fibril_clock_kind;
	uint64_t ticks, nanoseconds;
	fibril_clock_pair(&ticks, &nanoseconds);
	fibril_root.clock_ticks = ticks;
	fibril_root.clock_ns = nanoseconds;
}
