/* SPDX-License-Identifier: Apache-2.0 */
/* Sleeping and waking by futex, where a thread has to: for a guard that is held, and as a plain waiter. */
#include "fibril_wait.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <time.h>

static int64_t futex(uint32_t *word, int operation, uint32_t value, const struct timespec *deadline)
{
	return fibril_system_call(SYS_futex, (uint64_t)word, (uint64_t)operation, value, (uint64_t)deadline, 0,
				  FUTEX_BITSET_MATCH_ANY);
}

void fibril_guard_lock_slow(fibril_guard *guard)
{
	/* It is held for a few instructions: as long again is cheaper than a system call. */
	for (int i = 0; i < 100; i++) {
		uint32_t free = 0;
		if (__atomic_compare_exchange_n(guard, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return;
#if defined(__x86_64__)
		__builtin_ia32_pause();
#endif
	}
	while (__atomic_exchange_n(guard, 2, __ATOMIC_ACQUIRE) != 0)
		futex(guard, FUTEX_WAIT_BITSET_PRIVATE, 2, NULL);
}

void fibril_guard_unlock_slow(fibril_guard *guard)
{
	futex(guard, FUTEX_WAKE_PRIVATE, 1, NULL);
}

bool fibril_thread_wait(uint32_t *word, uint64_t deadline)
{
	struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};

	while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == 0) {
		if (futex(word, FUTEX_WAIT_BITSET_PRIVATE, 0, deadline ? &until : NULL) == -ETIMEDOUT)
			return __atomic_load_n(word, __ATOMIC_ACQUIRE) != 0;
	}
	return true;
}

void fibril_thread_wake(uint32_t *word)
{
	futex(word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL);
}

void fibril_wait_any(struct pollfd *descriptors, uint64_t count, bool may_wait, uint64_t deadline)
{
	struct timespec left = {0};

	if (may_wait && deadline)
		left = fibril_time_left(deadline);
	bool is_timed = !may_wait || deadline;
	fibril_system_call(SYS_ppoll, (uint64_t)descriptors, count, (uint64_t)(is_timed ? &left : NULL), 0, 0, 0);
}

void fibril_wait_readable(int descriptor, uint64_t deadline)
{
	struct pollfd readable = {.fd = descriptor, .events = POLLIN};

	fibril_wait_any(&readable, 1, true, deadline);
}

struct fibril_wait_queue *fibril_end_waiters(void)
{
	static struct fibril_wait_queue waiters;

	return &waiters;
}
