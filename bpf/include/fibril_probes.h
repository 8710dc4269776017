/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * What a runtime of fibrils includes to be traced: the probes of provider "fibril", and the records that
 * the batch probe hands over. An event costs two instructions while nobody listens. C11 or C++11, Linux,
 * x86-64 or AArch64, nothing to link. docs/foreign-runtimes.md is the guide.
 *
 * One source file of the program holds what is not inline. It begins so:
 *
 *     #define _GNU_SOURCE
 *     #define FIBRIL_PROBES_IMPLEMENTATION
 *     #include <fibril_probes.h>
 *
 * The least that a runtime does:
 *
 *     a thread becomes a task     buffer = fibril_buffer_acquire(task);
 *                                 fibril_emit_task_start(buffer, task, root, tid);
 *     it makes a fibril           fibril_emit_submit
 *     it goes to another one      fibril_emit_switch
 *     one waits, one is woken     fibril_emit_block, fibril_emit_wake
 *     one has ended               fibril_emit_teardown
 *     the thread is to sleep      fibril_emit_switch to fibril 0, fibril_emit_before_sleep
 *     it has slept                fibril_emit_switch from fibril 0
 *     it is a task no longer      fibril_emit_task_stop; fibril_buffer_release(buffer);
 *
 * Ids are the runtime's own: 64 bits, not 0, never used again in the process; tasks and fibrils count apart.
 * A task's root fibril is what its thread runs when it becomes a task; it has no submit and no teardown.
 *
 * - Only a task's own thread emits for it. Whoever wakes a fibril of another task leaves the time (fibril_ticks)
 *   and who it is to that task, which emits the wake when it takes notice.
 * - A signal handler never emits, nor does a child of vfork. A child of fork goes on in buffers of its own,
 *   with the task of the thread that forked.
 * - One runtime in a process: a second one's records would come under the same ids.
 *
 * Optional: names (fibril_name), and the fibril table (FIBRIL_PROBES_TABLE, see fibril_probes_table.h), by
 * which a tracer also knows fibrils from before the trace, and `fibril list` and `fibril dump` work.
 */
#ifndef FIBRIL_PROBES_H
#define FIBRIL_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fibril_event.h"
#include "fibril_table.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FIBRIL_HIDDEN __attribute__((visibility("hidden")))
#define FIBRIL_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/* The probes' semaphores, which a tracer's kernel raises; side by side as fibril_probes_sites.h lays them out. */
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

extern uint32_t fibril_clock_kind FIBRIL_HIDDEN;         /* enum fibril_clock; known from the first buffer on */
uint64_t fibril_ticks_a_millisecond(void) FIBRIL_HIDDEN; /* good for a percent */
uint64_t fibril_ticks_monotonic(void) FIBRIL_HIDDEN;     /* CLOCK_MONOTONIC in nanoseconds */

/* One reading of the clock that records carry. About 11 ns. */
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

/* Tells the images of a process apart: new after fork. */
uint64_t fibril_process_ident(void) FIBRIL_HIDDEN;

/*
 * The index under which a name of `bytes` bytes of UTF-8 is known, which it is given if it has none yet; what is
 * behind the 63rd byte is cut off at a character. 0 if it is empty or there is no room. Thread-safe.
 */
uint32_t fibril_name(const char *text, size_t bytes) FIBRIL_HIDDEN;
const char *fibril_name_text(uint32_t name) FIBRIL_HIDDEN; /* NULL for 0 */

/* Fires the batch probe for what was recorded since the last time. Only the owner may call it. */
void fibril_buffer_flush(struct fibril_buffer *buffer) FIBRIL_HIDDEN;

/* Where the number stands that the task's next record will have. */
static inline const uint64_t *fibril_buffer_next_number(const struct fibril_buffer *buffer)
{
	static const uint64_t none = 0;

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
void fibril_emit_before_sleep_slow(struct fibril_buffer *buffer) FIBRIL_HIDDEN;

/* The thread `tid` has become a task, whose root fibril runs; and is one no longer. buffer may be NULL. */
void fibril_emit_task_start(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid) FIBRIL_HIDDEN;
void fibril_emit_task_stop(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid) FIBRIL_HIDDEN;

/*
 * Just before the task goes from one fibril to another; either may be 0, the task's own sleep in the kernel.
 * previous_state: enum fibril_state. Runnable without a block or teardown before: it yields.
 */
static inline void fibril_emit_switch(struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next,
				      uint32_t previous_state)
{
	if (fibril_traces_scheduling())
		fibril_emit_switch_slow(buffer, task, previous, next, previous_state);
}

/*
 * The running fibril is about to wait. time is that of the block, in ticks, as written to the table; reason and
 * object as enum fibril_reason says; deadline is CLOCK_MONOTONIC in ns, 0: none.
 */
static inline void fibril_emit_block(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
				     uint32_t reason, uint64_t object, uint64_t deadline)
{
	if (fibril_traces_scheduling())
		fibril_emit_block_slow(buffer, task, time, fibril, reason, object, deadline);
}

/* A blocked fibril can run again. time is when the waker acted, in ticks. waker_task and waker_fibril may be 0. */
static inline void fibril_emit_wake(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
				    uint32_t waker_task, uint64_t waker_fibril)
{
	if (fibril_traces_scheduling())
		fibril_emit_wake_slow(buffer, task, time, fibril, waker_task, waker_fibril);
}

/*
 * There is a new fibril. call is -1 if it runs code at `entry`, under the name of index `name` (fibril_name), whose
 * text is fibril_name_text(name); else it is a pending system call of this number, without code or name.
 */
static inline void fibril_emit_submit(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent,
				      int32_t call, uint64_t entry, uint32_t name, const char *text)
{
	if (fibril_traces_lifetime())
		fibril_emit_submit_slow(buffer, task, fibril, parent, call, entry, name, text);
}

/* A fibril has ended with this result. If it runs, the switch away from it comes next. */
static inline void fibril_emit_teardown(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)
{
	if (fibril_traces_lifetime())
		fibril_emit_teardown_slow(buffer, task, fibril, result);
}

/* Before the task sleeps in the kernel: hands over what was recorded if the last time is 10 ms ago. */
static inline void fibril_emit_before_sleep(struct fibril_buffer *buffer)
{
	if (fibril_traces_scheduling())
		fibril_emit_before_sleep_slow(buffer);
}

#include "fibril_probes_table.h"

#ifdef FIBRIL_PROBES_IMPLEMENTATION
#include "fibril_probes_sites.h"
#include "fibril_probes_clock.h"
#include "fibril_probes_buffers.h"
#include "fibril_probes_names.h"
#include "fibril_probes_fork.h"
#include "fibril_probes_records.h"
#endif

#ifdef __cplusplus
}
#endif

#endif
