// Timing for the peers in C and C++: what a loop costs, printed as one JSON line.
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* How long the calling thread has run. */
static inline double processor_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline void report_ns(double start, double count)
{
	printf("{\"ns\":%.4f}\n", (now_ns() - start) / count);
}

/* The measurement is worth nothing. */
static inline void fail(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}
