/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strands in the fibril table: which there are, their states and, on x86-64, their stacks. Each change comes
 * before its event. An entry's sequence is odd from when its strand begins to run until its context is saved.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdlib.h>

enum { MOST_WORKERS = 256 };

static struct fibril_task_slot slots[MOST_WORKERS];
static uint32_t slots_used;

/* A slot and entries for a worker; nobody else gets them afterwards, so a process has 256 workers in its life. */
static inline bool show_worker(struct worker *worker, uint32_t entries)
{
#if defined(__x86_64__)
	uint32_t context = FIBRIL_CONTEXT_X86_64;
#else
	uint32_t context = 0;
#endif
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	uint32_t index = __atomic_fetch_add(&slots_used, 1, __ATOMIC_RELAXED);
	void *chunk = calloc(entries, sizeof(struct fibril_entry));

	if (index >= MOST_WORKERS || !chunk) {
		free(chunk);
		return false;
	}
	pthread_mutex_lock(&lock);
	if (!fibril_root.magic)
		fibril_table_publish("Strands 1", slots, MOST_WORKERS, context);
	pthread_mutex_unlock(&lock);
	worker->slot = &slots[index];
	worker->chunk = (uintptr_t)chunk;
	worker->entries = entries;
	return true;
}

static inline bool give_entry(struct strand *strand)
{
	struct fibril_entry *entries = (struct fibril_entry *)(uintptr_t)self->chunk;

	for (uint32_t i = 0; i < self->entries; i++)
		if (!entries[i].id) {
			strand->entry = &entries[i];
			return true;
		}
	return false;
}

static inline void show_root(uint32_t name)
{
	struct fibril_task_slot *slot = self->slot;
	struct fibril_entry *entry = (struct fibril_entry *)(uintptr_t)self->chunk;
	pthread_attr_t attributes;
	void *low = NULL;
	size_t bytes = 0;

	if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
		pthread_attr_getstack(&attributes, &low, &bytes);
		pthread_attr_destroy(&attributes);
	}
	self->root.entry = entry;
	fibril_entry_change(entry);
	entry->state = FIBRIL_STATE_RUNNING;
	entry->flags = FIBRIL_ENTRY_ROOT;
	entry->name = name;
	entry->call = -1;
	entry->stack_low = (uintptr_t)low;
	entry->stack_high = (uintptr_t)low + bytes;
	entry->id = self->root.id;
	slot->tid = self->thread;
	slot->started = fibril_ticks();
	slot->running = slot->root = self->root.id;
	slot->running_entry = (uintptr_t)entry;
	slot->buffer = (uintptr_t)self->buffer;
	slot->chunks = (uintptr_t)&self->chunk;
	slot->chunk_entries = self->entries;
	slot->chunk_count = 1;
	__atomic_store_n(&slot->task, self->id, __ATOMIC_RELEASE);
}

static inline void show_new(struct strand *strand, uint32_t name, uint64_t number)
{
	struct fibril_entry *entry = strand->entry;

	fibril_entry_change(entry);
	entry->state = FIBRIL_STATE_RUNNABLE;
	entry->reason = entry->flags = 0;
	entry->parent = self->running->id;
	entry->entry = (uintptr_t)strand->function;
	entry->name = name;
	entry->call = -1;
	entry->since = fibril_ticks();
	entry->object = entry->deadline = entry->stack_pointer = 0;
	entry->stack_low = (uintptr_t)strand->stack;
	entry->stack_high = (uintptr_t)strand->stack + STACK_BYTES;
	entry->next_number = number;
	entry->id = strand->id;
	fibril_entry_changed(entry);
}

/* time is 0 where the strand yields: then it still runs, and the change is over when it is parked. */
static inline void show_ready(struct strand *strand, uint64_t time, uint64_t number)
{
	struct fibril_entry *entry = strand->entry;
	bool runs = entry->sequence % 2 != 0;

	fibril_entry_change(entry);
	entry->state = FIBRIL_STATE_RUNNABLE;
	entry->reason = 0;
	entry->object = entry->deadline = 0;
	if (time)
		entry->since = time;
	entry->next_number = number;
	if (!runs)
		fibril_entry_changed(entry);
}

static inline void show_running(struct strand *strand, uint64_t number)
{
	struct fibril_entry *entry = strand->entry;

	fibril_entry_change(entry);
	entry->state = FIBRIL_STATE_RUNNING;
	entry->next_number = number;
	self->slot->counts.submits = self->counts.submits;
	self->slot->counts.switches = self->counts.switches;
	self->slot->counts.blocks = self->counts.blocks;
	self->slot->running_entry = (uintptr_t)entry;
	__atomic_store_n(&self->slot->running, strand->id, __ATOMIC_RELEASE);
}

static inline void show_asleep(void)
{
	__atomic_store_n(&self->slot->running, 0, __ATOMIC_RELEASE);
}

static inline void show_blocked(struct strand *strand, uint64_t time, uint64_t object, uint64_t deadline,
				uint64_t number)
{
	struct fibril_entry *entry = strand->entry;

	entry->state = FIBRIL_STATE_BLOCKED;
	entry->reason = (__u8)strand->waits;
	entry->object = object;
	entry->deadline = deadline;
	entry->since = time;
	entry->next_number = number;
}

/*
 * Its context is saved: the entry is whole. What a tracer wants to find at the stack pointer is what swapcontext has
 * put elsewhere; below the stack pointer of a strand that stands still there is room for it.
 */
static inline void show_parked(struct strand *strand)
{
#if defined(__x86_64__)
	const greg_t *registers = strand->context.uc_mcontext.gregs;
	static const int order[] = {REG_RIP, REG_R15, REG_R14, REG_R13, REG_R12, REG_RBX, REG_RBP};
	uint64_t *saved = (uint64_t *)registers[REG_RSP] - 7;

	for (int i = 0; i < 7; i++)
		saved[i] = (uint64_t)registers[order[i]];
	strand->entry->stack_pointer = (uintptr_t)saved;
#endif
	fibril_entry_changed(strand->entry);
}

static inline void show_ended(struct strand *strand, uint64_t number)
{
	strand->entry->state = FIBRIL_STATE_DEAD;
	strand->entry->next_number = number;
}

static inline void hide(struct strand *strand)
{
	struct fibril_entry *entry = strand->entry;

	fibril_entry_change(entry);
	entry->id = 0;
	fibril_entry_changed(entry);
}

static inline void hide_worker(void)
{
	__atomic_store_n(&self->slot->task, 0, __ATOMIC_RELEASE);
	free((void *)(uintptr_t)self->chunk);
}

#endif
