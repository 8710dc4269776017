/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emitting the events of contract A: the probe sites, and the records that the batch probe hands
 * over. One event costs two instructions while nobody listens.
 */
#ifndef FIBRIL_PROBES_H
#define FIBRIL_PROBES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "fibril_event.h"
#include "fibril_table.h"

#define FIBRIL_HIDDEN __attribute__((visibility("hidden")))
#define FIBRIL_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The semaphores, side by side as semaphores.inc lays them out. */
extern const volatile char fibril_semaphores[16] FIBRIL_HIDDEN;

/* Does anyone listen to switch, block, wake or batch? */
static inline bool fibril_traces_scheduling(void)
{
	return FIBRIL_UNLIKELY(*(const volatile uint64_t *)fibril_semaphores != 0);
}

/* Does anyone listen to batch, submit, teardown or task_start? */
static inline bool fibril_traces_lifetime(void)
{
	typedef uint64_t unaligned __attribute__((aligned(2)));
	return FIBRIL_UNLIKELY(*(const volatile unaligned *)(fibril_semaphores + 6) != 0);
}

/* One reading of the clock that records carry: see fibril_clock_kind. About 11 ns. */
static inline uint64_t fibril_ticks_monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

extern uint32_t fibril_clock_kind FIBRIL_HIDDEN; /* enum fibril_clock, chosen once by fibril_clock_choose */
void fibril_clock_choose(void) FIBRIL_HIDDEN;
uint64_t fibril_ticks_a_millisecond(void) FIBRIL_HIDDEN; /* good for a percent */

static inline uint64_t fibril_ticks(void)
{
#if defined(__x86_64__)
	if (__builtin_expect(fibril_clock_kind == FIBRIL_CLOCK_TSC, 1))
		return __builtin_ia32_rdtsc();
#endif
	return fibril_ticks_monotonic();
}

/*
 * A task's event buffer in the process's memfd, or NULL where there can be none (no memfd, no
 * memory): such a task is traced by the single probes only. Release it after task_stop. Thread-safe.
 */
struct fibril_buffer *fibril_buffer_acquire(uint64_t task) FIBRIL_HIDDEN;
void fibril_buffer_release(struct fibril_buffer *buffer) FIBRIL_HIDDEN;
uint64_t fibril_process_ident(void) FIBRIL_HIDDEN;

/*
 * The room for the name table in the same file, NULL where there is none; and how many names it now
 * has, after the last one was written. The second one under the registry's lock.
 */
char *fibril_names(void) FIBRIL_HIDDEN;
void fibril_names_announce(uint32_t name_count) FIBRIL_HIDDEN;

/* Fires the batch probe for what was recorded since the last time. Only the owner may call it. */
void fibril_buffer_flush(struct fibril_buffer *buffer) FIBRIL_HIDDEN;

/* Where the number stands that the task's next record will have. */
static inline const uint64_t *fibril_buffer_next_number(const struct fibril_buffer *buffer)
{
	static const uint64_t none;

	return buffer ? (const uint64_t *)&buffer->head : &none;
}

/* The slow halves of the functions below. buffer may be NULL. */
void fibril_emit_switch_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next,
			     uint32_t previous_state) FIBRIL_HIDDEN;
void fibril_emit_block_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			    uint32_t reason, uint64_t object, uint64_t deadline) FIBRIL_HIDDEN;
void fibril_emit_wake_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			   uint32_t waker_task, uint64_t waker_fibril) FIBRIL_HIDDEN;
void fibril_emit_submit_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent,
			     int32_t call, uint64_t entry, uint32_t name, const char *text) FIBRIL_HIDDEN;
void fibril_emit_teardown_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)
	FIBRIL_HIDDEN;
void fibril_emit_task_start(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid) FIBRIL_HIDDEN;
void fibril_emit_task_stop(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid) FIBRIL_HIDDEN;

/* Before the task sleeps: hands over what was recorded if the last time is 10 ms ago. */
void fibril_emit_before_sleep_slow(struct fibril_buffer *buffer) FIBRIL_HIDDEN;

static inline void fibril_emit_switch(struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next,
				      uint32_t previous_state)
{
	if (fibril_traces_scheduling())
		fibril_emit_switch_slow(buffer, task, previous, next, previous_state);
}

/* time is that of the block, in ticks, as written to the table. */
static inline void fibril_emit_block(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
				     uint32_t reason, uint64_t object, uint64_t deadline)
{
	if (fibril_traces_scheduling())
		fibril_emit_block_slow(buffer, task, time, fibril, reason, object, deadline);
}

/* time is when the waker acted, in ticks. waker_task and waker_fibril may be 0. */
static inline void fibril_emit_wake(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
				    uint32_t waker_task, uint64_t waker_fibril)
{
	if (fibril_traces_scheduling())
		fibril_emit_wake_slow(buffer, task, time, fibril, waker_task, waker_fibril);
}

/* call is -1 for a closure, whose name is index name of the name table and text, NULL if none. */
static inline void fibril_emit_submit(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent,
				      int32_t call, uint64_t entry, uint32_t name, const char *text)
{
	if (fibril_traces_lifetime())
		fibril_emit_submit_slow(buffer, task, fibril, parent, call, entry, name, text);
}

static inline void fibril_emit_teardown(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)
{
	if (fibril_traces_lifetime())
		fibril_emit_teardown_slow(buffer, task, fibril, result);
}

static inline void fibril_emit_before_sleep(struct fibril_buffer *buffer)
{
	if (fibril_traces_scheduling())
		fibril_emit_before_sleep_slow(buffer);
}

/* The root of the fibril table, which the ELF note points to. */
extern struct fibril_root fibril_root FIBRIL_HIDDEN;

static inline struct fibril_root *fibril_root_address(void)
{
	return &fibril_root;
}

#endif
