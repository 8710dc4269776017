/* SPDX-License-Identifier: Apache-2.0 */
/* What fibrils of several tasks and plain threads wait in: a lock held for a few instructions, and lists. */
#ifndef FIBRIL_WAIT_H
#define FIBRIL_WAIT_H

#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdint.h>

#include "fibril_calls.h"
#include "fibril_table.h"

/* Swift: the pointers in it are used by the functions below only. */
#define FIBRIL_SAFE __attribute__((swift_attr("safe")))

/* 0: free, 1: held, 2: held, and somebody sleeps for it. Whoever holds it neither blocks nor switches. */
typedef uint32_t fibril_guard;

void fibril_guard_lock_slow(fibril_guard *guard) __attribute__((visibility("hidden")));
void fibril_guard_unlock_slow(fibril_guard *guard) __attribute__((visibility("hidden")));

static inline void fibril_guard_lock(fibril_guard *guard)
{
	uint32_t free = 0;

	if (__builtin_expect(!__atomic_compare_exchange_n(guard, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED),
			     0))
		fibril_guard_lock_slow(guard);
}

static inline void fibril_guard_unlock(fibril_guard *guard)
{
	if (__builtin_expect(__atomic_exchange_n(guard, 0, __ATOMIC_RELEASE) != 1, 0))
		fibril_guard_unlock_slow(guard);
}

/* One that waits, on its own stack: a fibril by its entry, or a plain thread, whose entry is 0. */
struct FIBRIL_SAFE fibril_waiter {
	struct fibril_waiter *next, *previous;
	uint64_t entry, id, mailbox;
	uint64_t key;      /* the queue's own: who it is, or what it waits for */
	uint64_t target;   /* likewise: the mailbox of the task that will grant it */
	uint32_t granted;  /* 1: has what it waits for; a thread's futex */
	uint32_t queued;
};

/* First come, first served. */
struct FIBRIL_SAFE fibril_wait_queue {
	fibril_guard guard;
	uint32_t reserved;
	struct fibril_waiter *first, *last;
};

/* Both under the queue's guard. */
static inline void fibril_queue_append(struct fibril_wait_queue *queue, struct fibril_waiter *waiter)
{
	waiter->queued = 1;
	waiter->next = 0;
	waiter->previous = queue->last;
	*(queue->last ? &queue->last->next : &queue->first) = waiter;
	queue->last = waiter;
}

static inline void fibril_queue_remove(struct fibril_wait_queue *queue, struct fibril_waiter *waiter)
{
	waiter->queued = 0;
	*(waiter->previous ? &waiter->previous->next : &queue->first) = waiter->next;
	*(waiter->next ? &waiter->next->previous : &queue->last) = waiter->previous;
}

struct FIBRIL_SAFE fibril_mutex {
	struct fibril_lock lock; /* first: its address is what a waiting fibril has as its object */
	struct fibril_wait_queue waiters;
};

struct FIBRIL_SAFE fibril_semaphore {
	uint64_t permits;
	struct fibril_wait_queue waiters;
};

struct FIBRIL_SAFE fibril_channel {
	struct fibril_wait_queue senders, receivers; /* the guard of senders is the channel's */
};

static inline bool fibril_atomic_compare_exchange(uint64_t *word, uint64_t expected, uint64_t desired)
{
	return __atomic_compare_exchange_n(word, &expected, desired, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * A plain thread sleeps until *word is no longer 0 or the deadline (CLOCK_MONOTONIC, ns; 0: none) has
 * passed, which makes it return false.
 */
bool fibril_thread_wait(uint32_t *word, uint64_t deadline) __attribute__((visibility("hidden")));
void fibril_thread_wake(uint32_t *word) __attribute__((visibility("hidden")));

/* Waits likewise for one of several, whose revents are filled in; without sleeping unless may_wait. */
struct pollfd;
void fibril_wait_any(struct pollfd *descriptors, uint64_t count, bool may_wait, uint64_t deadline)
	__attribute__((visibility("hidden")));

/* Sleeps until the descriptor is readable, the deadline (0: none) has passed or a signal has come. */
void fibril_wait_readable(int descriptor, uint64_t deadline) __attribute__((visibility("hidden")));

/* Who waits, in other tasks and threads, for the end of a fibril. */
struct fibril_wait_queue *fibril_end_waiters(void) __attribute__((visibility("hidden")));

/*
 * What is asked of a fibril from outside its task: *word is its id << FIBRIL_REQUEST_BITS with the
 * requests added up. An older id gives way to a newer one: ids are never used again, so the older
 * fibril has ended.
 */
enum fibril_request {
	FIBRIL_REQUEST_WAKE = 1,    /* its wake target */
	FIBRIL_REQUEST_UNPARK = 2,  /* what it waits for has been granted */
	FIBRIL_REQUEST_CANCEL = 4,
	FIBRIL_REQUEST_JOIN = 8,    /* somebody elsewhere waits for its end */
	FIBRIL_REQUEST_RELEASE = 16, /* nobody will join it */
};
#define FIBRIL_REQUEST_BITS 5

static inline void fibril_atomic_request(uint64_t *word, uint64_t id, uint64_t request)
{
	uint64_t seen = __atomic_load_n(word, __ATOMIC_RELAXED), wanted;

	do {
		if (seen >> FIBRIL_REQUEST_BITS > id)
			return;
		wanted = (seen >> FIBRIL_REQUEST_BITS == id ? seen : id << FIBRIL_REQUEST_BITS) | request;
	} while (!__atomic_compare_exchange_n(word, &seen, wanted, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
}

#endif
