/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/* Part of the implementation of fibril_probes.h: the clock of records and table, and how fast it ticks. */
#ifndef _GNU_SOURCE
#error "define _GNU_SOURCE at the top of the file that defines FIBRIL_PROBES_IMPLEMENTATION"
#endif
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint32_t fibril_clock_kind = FIBRIL_CLOCK_MONOTONIC;

static uint64_t fibril_clock_rate = 1000000; /* ticks a millisecond */

uint64_t fibril_ticks_a_millisecond(void)
{
	return fibril_clock_rate;
}

uint64_t fibril_ticks_monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Ticks and CLOCK_MONOTONIC at one moment: of five tries the one with the shortest distance. */
static void fibril_clock_pair(uint64_t *ticks, uint64_t *nanoseconds)
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

#if defined(__x86_64__)
/* The kernel keeps time by the TSC only if it found it constant and alike on all processors. */
static bool fibril_kernel_trusts_tsc(void)
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

static void fibril_clock_choose(void)
{
#if defined(__x86_64__)
	if (fibril_kernel_trusts_tsc()) {
		uint64_t ticks[2] = {0, 0}, ns[2] = {0, 0};
		fibril_clock_kind = FIBRIL_CLOCK_TSC;
		fibril_clock_pair(&ticks[0], &ns[0]);
		do /* 20 us: good for a percent, enough for the two intervals that are measured with it */
			fibril_clock_pair(&ticks[1], &ns[1]);
		while (ns[1] - ns[0] < 20000);
		fibril_clock_rate = (ticks[1] - ticks[0]) * 1000000u / (ns[1] - ns[0]);
	}
#endif
#ifdef FIBRIL_PROBES_TABLE
	uint64_t now = 0, nanoseconds = 0;
	fibril_clock_pair(&now, &nanoseconds);
	fibril_root.clock = fibril_clock_kind;
	fibril_root.clock_ticks = now;
	fibril_root.clock_ns = nanoseconds;
#endif
}
