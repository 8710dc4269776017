/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a forked child keeps of the tables that all tasks share: the task of the thread that forked, without
 * what other threads, which are not there, were doing to it or wait for.
 */
#include "fibril_fork.h"

#include "fibril_events.h"
#include "fibril_thread.h"
#include "fibril_wait.h"

/* As FibrilTable.swift has it. */
static struct fibril_mailbox *mailbox_of(const struct fibril_task_slot *slot)
{
	return (struct fibril_mailbox *)slot->reserved2[1];
}

/* A request as Mailbox.post leaves it, without a knock: the owner is awake. */
static void ask(struct fibril_entry *entry, uint64_t id, uint64_t request, struct fibril_mailbox *mailbox)
{
	fibril_atomic_request((uint64_t *)&entry->requests, id, request);
	if (entry->inbound_pending)
		return;
	entry->inbound_pending = 1;
	entry->wake_time = fibril_ticks();
	entry->waker_task = 0;
	entry->waker_fibril = 0;
	fibril_atomic_push(&mailbox->wakes, (uint64_t)entry, (uint64_t *)&entry->inbound_link);
}

/* The records of the task's new buffer are counted from 0, and requests that were on their way arrive. */
static void renew_entries(struct fibril_task_slot *slot, struct fibril_mailbox *mailbox)
{
	const uint64_t *chunks = (const uint64_t *)slot->chunks;

	for (uint32_t i = 0; i < slot->chunk_count; i++) {
		struct fibril_entry *entries = (struct fibril_entry *)chunks[i];
		for (uint32_t k = 0; k < slot->chunk_entries; k++) {
			entries[k].next_number = 0;
			entries[k].inbound_pending = 0;
		}
	}
	for (uint64_t next = mailbox->wakes; next; next = ((struct fibril_entry *)next)->inbound_link)
		((struct fibril_entry *)next)->inbound_pending = 1;
	for (uint32_t i = 0; i < slot->chunk_count; i++) {
		struct fibril_entry *entries = (struct fibril_entry *)chunks[i];
		for (uint32_t k = 0; k < slot->chunk_entries; k++)
			if (entries[k].requests)
				ask(&entries[k], entries[k].requests >> FIBRIL_REQUEST_BITS, 0, mailbox);
	}
}

/* Waiters of other tasks and threads lie on stacks that will be used again. What own ones wait for has ended. */
static void keep_own_waiters(struct fibril_mailbox *own)
{
	struct fibril_wait_queue *queue = fibril_end_waiters();
	struct fibril_waiter *next = queue->first;

	queue->guard = 0;
	while (next) {
		struct fibril_waiter *waiter = next;
		next = waiter->next;
		bool is_own = own && waiter->mailbox == (uint64_t)own;
		if (is_own && waiter->target == (uint64_t)own)
			continue;
		fibril_queue_remove(queue, waiter);
		if (is_own) {
			waiter->granted = 1;
			ask((struct fibril_entry *)waiter->entry, waiter->id, FIBRIL_REQUEST_UNPARK, own);
		}
	}
}

void fibril_fork_keep_own_task(struct fibril_task_slot *slots, uint32_t count, uint32_t forking_thread)
{
	struct fibril_mailbox *own = NULL;

	for (uint32_t i = 0; i < count; i++) {
		struct fibril_mailbox *mailbox = mailbox_of(&slots[i]);
		if (mailbox) {
			/* Orders are the parent's, and whoever was leaving one is not there. */
			mailbox->guard = 0;
			mailbox->orders = 0;
		}
		if (slots[i].tid == forking_thread && slots[i].task) {
			slots[i].tid = fibril_thread_id();
			renew_entries(&slots[i], mailbox);
			own = mailbox;
		} else {
			/* Not used again: what belongs to the slot, like the eventfd, is shared with the parent. */
			slots[i].task = 0;
			slots[i].tid = forking_thread;
			if (mailbox) {
				mailbox->takes_orders = 0;
				mailbox->task = 0;
			}
		}
	}
	keep_own_waiters(own);
}
