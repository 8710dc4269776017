/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A runtime of its own, as small as one can be: cooperative strands on ucontext, each bound to the thread that
 * made it. strands.c shows where the probes of fibril_probes.h go.
 */
#ifndef STRANDS_H
#define STRANDS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct strand;

/* What a worker's strands did, as a tracer must see it. */
struct strand_counts {
	uint64_t submits, blocks, wakes, switches, sleeps, resumes, teardowns;
};

/* The calling thread becomes a worker with room for so many strands at a time; false: there is no memory. */
bool worker_begin(uint32_t most_strands);

/* Runs the worker's strands until all have ended. The thread is a worker no longer. */
struct strand_counts worker_end(void);

/* The following are called on a worker only. */

/* NULL: there is no room. It runs when the caller next waits. */
struct strand *strand_spawn(const char *name, void (*function)(void *), void *argument);
void strand_yield(void);
void strand_sleep(uint64_t nanoseconds);

/* Waits for a signal, and takes it. Signals that come before are kept. */
void strand_wait(void);

/* Also to a strand of another worker, which must not have ended. */
void strand_signal(struct strand *strand);
struct strand *strand_self(void);

/* Is a tracer attached? */
bool strands_are_traced(void);

#ifdef __cplusplus
}
#endif

#endif
