/* SPDX-License-Identifier: Apache-2.0 */
/* What belongs to a thread: its task, its id, its stack; and atomics on raw memory. */
#ifndef FIBRIL_THREAD_H
#define FIBRIL_THREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

extern __thread void *fibril_thread_task __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* The task of the calling thread, or NULL. */
static inline void *fibril_thread_task_get(void)
{
	return fibril_thread_task;
}

static inline void fibril_thread_task_set(void *task)
{
	fibril_thread_task = task;
}

/* The calling thread: its id, its name in /proc, the bounds of its own stack (false: they can not be told). */
uint32_t fibril_thread_id(void) __attribute__((visibility("hidden")));
void fibril_thread_set_name(const char *name) __attribute__((visibility("hidden")));
bool fibril_thread_stack(uint64_t *low, uint64_t *high) __attribute__((visibility("hidden")));

/* Whether the calling thread runs a Swift task, whose task-local values its fibrils would see. */
bool fibril_thread_runs_swift_task(void) __attribute__((visibility("hidden")));

static inline uint64_t fibril_atomic_load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void fibril_atomic_store(uint64_t *word, uint64_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint64_t fibril_atomic_exchange(uint64_t *word, uint64_t value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

static inline uint32_t fibril_atomic_exchange32(uint32_t *word, uint32_t value)
{
	return __atomic_exchange_n(word, value, __ATOMIC_SEQ_CST);
}

/* Pushes node, whose own link is next, on a list of which many threads push and one takes all. */
static inline void fibril_atomic_push(uint64_t *head, uint64_t node, uint64_t *next)
{
	uint64_t first = __atomic_load_n(head, __ATOMIC_RELAXED);

	do
		*next = first;
	while (!__atomic_compare_exchange_n(head, &first, node, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

/* Only a hint: the address may be anything. */
static inline void fibril_prefetch(uint64_t address)
{
	__builtin_prefetch((const void *)address, 1);
}

static inline void fibril_atomic_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline uint32_t fibril_atomic_load32(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void fibril_atomic_store32(uint32_t *word, uint32_t value)
{
	__atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* count ids of fibrils that this process has not used yet: the first of them. */
uint64_t fibril_take_ids(uint64_t count) __attribute__((visibility("hidden")));
/* A number for a new kind of fibril-local value, from 0. */
uint64_t fibril_take_local_key(void) __attribute__((visibility("hidden")));
uint64_t fibril_take_task_id(void) __attribute__((visibility("hidden")));

/* Guards the tables that all tasks of the process share: task slots and chunks. */
void fibril_registry_lock(void) __attribute__((visibility("hidden")));
void fibril_registry_unlock(void) __attribute__((visibility("hidden")));

/* Where other threads leave work for a task: lists of entries, newest first. Never unmapped. */
struct fibril_mailbox {
	uint64_t wakes;    /* linked by inbound_link */
	uint64_t results;  /* calls that a helper has finished, linked by link */
	uint64_t orders;   /* what another thread wants run, a linked list of the Swift side's */
	uint32_t guard;    /* fibril_guard: held while an order is left, or the task refuses any more */
	uint32_t takes_orders;
	uint64_t task;     /* whose it is; 0: nobody's. Changed under the guard of fibril_end_waiters */
	uint32_t sleeping; /* 1: somebody has to knock */
	int32_t descriptor; /* eventfd */
};

/* Looks so often for a result, or for a wake, before the mailbox's owner goes to sleep. */
static inline void fibril_mailbox_look(const struct fibril_mailbox *mailbox, uint32_t looks)
{
	for (; looks > 0; looks--) {
		if (__atomic_load_n(&mailbox->results, __ATOMIC_RELAXED) || __atomic_load_n(&mailbox->wakes, __ATOMIC_RELAXED))
			return;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ volatile("yield");
#endif
	}
}

/* One half of a sequence protocol: stores before it are seen before stores after it. */
static inline void fibril_store_barrier(void)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

#endif
