/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of the implementation of fibril_probes.h: what an event costs while somebody listens, which is appending its
 * record and firing its probe.
 */
#define FIBRIL_FLUSH_INTERVAL_MS 10 /* before a sleep, at least this often */
#define FIBRIL_SLOT_MASK (FIBRIL_BUFFER_SLOTS - 1)

static struct fibril_record *fibril_slot(struct fibril_buffer *buffer, uint64_t number)
{
	struct fibril_record *slots = (struct fibril_record *)(void *)((char *)buffer + FIBRIL_BUFFER_SLOTS_OFFSET);

	return &slots[number & FIBRIL_SLOT_MASK];
}

static void fibril_flush_at(struct fibril_buffer *buffer, uint64_t time)
{
	uint64_t head = buffer->head, first = buffer->flushed;

	if (head == first)
		return;
	/* [first, head) never wraps: a flush is due whenever the slots are used up. */
	if (fibril_batch_semaphore)
		fibril_probe_batch(buffer->task, fibril_slot(buffer, first),
				   (head - first) * sizeof(struct fibril_record), first);
	buffer->flushed = head;
	/* Whoever finds a slot written over finds this too. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	buffer->flush_time = time;
}

void fibril_buffer_flush(struct fibril_buffer *buffer)
{
	if (buffer)
		fibril_flush_at(buffer, fibril_ticks());
}

static inline __attribute__((always_inline)) void fibril_append(struct fibril_buffer *buffer, uint16_t kind,
								uint64_t time, uint64_t fibril, uint64_t arg,
								uint32_t arg32)
{
	uint64_t number = buffer->head;
	struct fibril_record *record = fibril_slot(buffer, number);

	record->time = time;
	record->fibril = fibril;
	record->arg = arg;
	record->kind = kind;
	record->number16 = (uint16_t)number;
	record->arg32 = arg32;
	__atomic_store_n(&buffer->head, number + 1, __ATOMIC_RELEASE);
	if (FIBRIL_UNLIKELY(((number + 1) & FIBRIL_SLOT_MASK) == 0))
		fibril_flush_at(buffer, time);
}

/* Makes sure that two records follow each other in one batch. */
static void fibril_keep_two_together(struct fibril_buffer *buffer, uint64_t time)
{
	if ((buffer->head & FIBRIL_SLOT_MASK) == FIBRIL_SLOT_MASK)
		fibril_append(buffer, FIBRIL_RECORD_PAD, time, 0, 0, 0);
}

static inline bool fibril_records(const struct fibril_buffer *buffer)
{
	return fibril_batch_semaphore && buffer;
}

void fibril_emit_switch_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t previous, uint64_t next,
			     uint32_t previous_state)
{
	if (fibril_records(buffer))
		fibril_append(buffer, FIBRIL_RECORD_SWITCH, fibril_ticks(), next, previous, previous_state);
	if (fibril_switch_semaphore)
		fibril_probe_switch(task, previous, next, previous_state);
}

void fibril_emit_block_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			    uint32_t reason, uint64_t object, uint64_t deadline)
{
	if (fibril_records(buffer)) {
		if (deadline)
			fibril_keep_two_together(buffer, time);
		fibril_append(buffer, FIBRIL_RECORD_BLOCK, time, fibril, object, reason);
		if (deadline)
			fibril_append(buffer, FIBRIL_RECORD_BLOCK_DEADLINE, time, fibril, deadline, 0);
	}
	if (fibril_block_semaphore)
		fibril_probe_block(task, fibril, reason, object, deadline);
}

void fibril_emit_wake_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t time, uint64_t fibril,
			   uint32_t waker_task, uint64_t waker_fibril)
{
	if (fibril_records(buffer))
		fibril_append(buffer, FIBRIL_RECORD_WAKE, time, fibril, waker_fibril, waker_task);
	if (fibril_wake_semaphore)
		fibril_probe_wake(task, fibril, waker_task, waker_fibril);
}

void fibril_emit_submit_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, uint64_t parent,
			     int32_t call, uint64_t entry, uint32_t name, const char *text)
{
	if (fibril_records(buffer)) {
		uint64_t time = fibril_ticks();
		if (call < 0)
			fibril_keep_two_together(buffer, time);
		fibril_append(buffer, FIBRIL_RECORD_SUBMIT, time, fibril, parent, (uint32_t)call);
		if (call < 0)
			fibril_append(buffer, FIBRIL_RECORD_SUBMIT_ENTRY, time, fibril, entry, name);
	}
	if (fibril_submit_semaphore)
		fibril_probe_submit(task, fibril, parent, call, entry, text);
}

void fibril_emit_teardown_slow(struct fibril_buffer *buffer, uint64_t task, uint64_t fibril, int64_t result)
{
	if (fibril_records(buffer))
		fibril_append(buffer, FIBRIL_RECORD_TEARDOWN, fibril_ticks(), fibril, (uint64_t)result, 0);
	if (fibril_teardown_semaphore)
		fibril_probe_teardown(task, fibril, result);
}

void fibril_emit_task_start(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid)
{
	if (fibril_records(buffer))
		fibril_append(buffer, FIBRIL_RECORD_TASK_START, fibril_ticks(), root, tid, 0);
	if (fibril_task_start_semaphore)
		fibril_probe_task_start(task, tid, buffer, root);
}

void fibril_emit_task_stop(struct fibril_buffer *buffer, uint64_t task, uint64_t root, uint32_t tid)
{
	if (fibril_records(buffer)) {
		fibril_append(buffer, FIBRIL_RECORD_TASK_STOP, fibril_ticks(), root, 0, 0);
		fibril_buffer_flush(buffer);
	}
	if (fibril_task_stop_semaphore)
		fibril_probe_task_stop(task, tid, buffer, root);
}

void fibril_emit_before_sleep_slow(struct fibril_buffer *buffer)
{
	if (!fibril_records(buffer) || buffer->head == buffer->flushed)
		return;
	uint64_t now = fibril_ticks();
	if (now - buffer->flush_time >= FIBRIL_FLUSH_INTERVAL_MS * fibril_ticks_a_millisecond())
		fibril_flush_at(buffer, now);
}
