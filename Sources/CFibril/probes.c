/* SPDX-License-Identifier: Apache-2.0 */
/* What an event costs while somebody listens: appending its record, firing its probe. */
#include "fibril_probes.h"

#include <stddef.h>

/* The probe sites, in probes-*.S. Arguments as contract A lists them. */
void fibril_probe_task_start(uint64_t task, uint64_t tid, const void *buffer) FIBRIL_HIDDEN;
void fibril_probe_task_stop(uint64_t task, uint64_t tid, const void *buffer) FIBRIL_HIDDEN;
void fibril_probe_submit(uint64_t task, uint64_t fibril, uint64_t parent, int64_t call, uint64_t entry,
			 const char *name) FIBRIL_HIDDEN;
void fibril_probe_switch(uint64_t task, uint64_t previous, uint64_t next, uint64_t previous_state) FIBRIL_HIDDEN;
void fibril_probe_block(uint64_t task, uint64_t fibril, uint64_t reason, uint64_t object, uint64_t deadline)
	FIBRIL_HIDDEN;
void fibril_probe_wake(uint64_t task, uint64_t fibril, uint64_t waker_task, uint64_t waker_fibril) FIBRIL_HIDDEN;
void fibril_probe_teardown(uint64_t task, uint64_t fibril, int64_t result) FIBRIL_HIDDEN;
void fibril_probe_batch(uint64_t task, const void *records, uint64_t bytes, uint64_t first) FIBRIL_HIDDEN;

#define SEMAPHORE(name) extern const volatile uint16_t fibril_##name##_semaphore FIBRIL_HIDDEN;
SEMAPHORE(task_start)
SEMAPHORE(task_stop)
SEMAPHORE(submit)
SEMAPHORE(switch)
SEMAPHORE(block)
SEMAPHORE(wake)
SEMAPHORE(teardown)
SEMAPHORE(batch)

/* Flush at least this often before a sleep. */
#define FLUSH_INTERVAL_MS 10

enum { SLOT_MASK = FIBRIL_BUFFER_SLOTS - 1 };

static struct fibril_record *slot(struct fibril_buffer *buffer, uint64_t number)
{
	struct fibril_record *slots = (struct fibril_record *)((char *)buffer + FIBRIL_BUFFER_SLOTS_OFFSET);
	return &slots[number & SLOT_MASK];
}

static void flush_at(struct fibril_buffer *buffer, uint64_t time)
{
	uint64_t head = buffer->head, first = buffer->flushed;

	if (head == first)
		return;
	/* [first, head) never wraps: a flush is due whenever the slots are used up. */
	if (fibril_batch_semaphore)
		fibril_probe_batch(buffer->task, slot(buffer, first),
				   (head - first) * sizeof(struct fibril_record), first);
	buffer->flushed = head;
	buffer->flush_time = time;
}

void fibril_buffer_flush(struct fibril_buffer *buffer)
{
	flush_at(buffer, fibril_ticks());
}

static inline __attribute__((always_inline)) void append(struct fibril_buffer *buffer, uint16_t kind, uint64_t time,
							 uint64_t fibril, uint64_t arg, uint32_t arg32)
{
	uint64_t number = buffer->head;
	struct fibril_record *record = slot(buffer, number);

	record->time = time;
	record->fibril = fibril;
	record->arg = arg;
	record->kind = kind;
	record->number16 = (uint16_t)number;
	record->arg32 = arg32;
	__atomic_store_n(&buffer->head, number + 1, __ATOMIC_RELEASE);
	if (FIBRIL_UNLIKELY(((number + 1) & SLOT_MASK) == 0))
		flush_at(buffer, time);
}

/* Makes sure that two records follow each other in one batch. */
static void keep_two_together(struct fibril_buffer *buffer, uint64_t time)
{
	if ((buffer->head & SLOT_MASK) == SLOT_MASK)
		append(buffer, FIBRIL_RECORD_PAD, time, 0, 0, 0);
}

static inline bool records(const struct fibril_buffer *buffer)
{
	return fibril_batch_semaphore && buffer;
}

void fibril_emit_switch_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next,
			     uint32_t previous_state)
{
	if (records(buffer))
		append(buffer, FIBRIL_RECORD_SWITCH, fibril_ticks(), next, previous, previous_state);
	if (fibril_switch_semaphore)
		fibril_probe_switch(task, previous, next, previous_state);
}

void fibril_emit_block_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			    uint32_t reason, uint64_t object, uint64_t deadline)
{
	if (records(buffer)) {
		if (deadline)
			keep_two_together(buffer, time);
		append(buffer, FIBRIL_RECORD_BLOCK, time, fibril, object, reason);
		if (deadline)
			append(buffer, FIBRIL_RECORD_BLOCK_DEADLINE, time, fibril, deadline, 0);
	}
	if (fibril_block_semaphore)
		fibril_probe_block(task, fibril, reason, object, deadline);
}

void fibril_emit_wake_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			   uint32_t waker_task, uint64_t waker_fibril)
{
	if (records(buffer))
		append(buffer, FIBRIL_RECORD_WAKE, time, fibril, waker_fibril, waker_task);
	if (fibril_wake_semaphore)
		fibril_probe_wake(task, fibril, waker_task, waker_fibril);
}

void fibril_emit_submit_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent,
			     int32_t call, uint64_t entry, uint32_t name, const char *text)
{
	if (records(buffer)) {
		uint64_t time = fibril_ticks();
		if (call < 0)
			keep_two_together(buffer, time);
		append(buffer, FIBRIL_RECORD_SUBMIT, time, fibril, parent, (uint32_t)call);
		if (call < 0)
			append(buffer, FIBRIL_RECORD_SUBMIT_ENTRY, time, fibril, entry, name);
	}
	if (fibril_submit_semaphore)
		fibril_probe_submit(task, fibril, parent, call, entry, text);
}

void fibril_emit_teardown_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)
{
	if (records(buffer))
		append(buffer, FIBRIL_RECORD_TEARDOWN, fibril_ticks(), fibril, (uint64_t)result, 0);
	if (fibril_teardown_semaphore)
		fibril_probe_teardown(task, fibril, result);
}

void fibril_emit_task_start(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid)
{
	if (records(buffer))
		append(buffer, FIBRIL_RECORD_TASK_START, fibril_ticks(), root, tid, 0);
	if (fibril_task_start_semaphore)
		fibril_probe_task_start(task, tid, buffer);
}

void fibril_emit_task_stop(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid)
{
	if (records(buffer)) {
		append(buffer, FIBRIL_RECORD_TASK_STOP, fibril_ticks(), root, 0, 0);
		fibril_buffer_flush(buffer);
	}
	if (fibril_task_stop_semaphore)
		fibril_probe_task_stop(task, tid, buffer);
}

void fibril_emit_before_sleep_slow(struct fibril_buffer *buffer)
{
	if (!records(buffer) || buffer->head == buffer->flushed)
		return;
	uint64_t now = fibril_ticks();
	if (now - buffer->flush_time >= FLUSH_INTERVAL_MS * fibril_ticks_a_millisecond())
		flush_at(buffer, now);
}
