/* SPDX-License-Identifier: Apache-2.0 */
/* Helper threads, which make bare system calls for a task, and how such a call is interrupted. */
#ifndef FIBRIL_HELPER_H
#define FIBRIL_HELPER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What an idle helper does; who wakes it needs a system call only in the last case. */
enum fibril_helper_state {
	FIBRIL_HELPER_WOKEN = 0,
	FIBRIL_HELPER_LOOKING = 1, /* will sleep in a moment */
	FIBRIL_HELPER_ASLEEP = 2,
};

struct fibril_helper {
	/* Address of the entry whose call it makes, 0: none. Bit 0: the call is being interrupted. */
	uint64_t current;
	uint32_t arrived; /* the interruption's signal has been handled */
	uint32_t state;   /* enum fibril_helper_state; a futex */
	uint32_t thread;  /* its id */
	uint32_t reserved;
	/* The pool's: all its helpers, those of them that are idle, and the pool itself. */
	struct fibril_helper *next, *next_idle;
	void *pool;
};

/* How large a helper's stack is to be. */
size_t fibril_helper_stack(void) __attribute__((visibility("hidden")));

/* Makes the calling thread `helper`; and none, after which a stray signal touches nothing. */
void fibril_helper_begin(struct fibril_helper *helper) __attribute__((visibility("hidden")));
void fibril_helper_end(void) __attribute__((visibility("hidden")));

/* The system call itself; -EINTR once helper->current is marked as interrupted. */
int64_t fibril_helper_call(const struct fibril_helper *helper, int64_t number, const uint64_t arguments[6])
	__attribute__((visibility("hidden")));

/* The end of the call: from here on it can not be interrupted, and no signal for it is under way. */
void fibril_helper_end_call(struct fibril_helper *helper) __attribute__((visibility("hidden")));

/*
 * A call that fails with EPIPE or EFBIG may have sent its thread a signal, which a helper blocks: takes it, and
 * sends it to `thread` if that is not 0.
 */
void fibril_helper_pass_on(int64_t result, uint32_t thread) __attribute__((visibility("hidden")));

/*
 * Interrupts the helper's call if it is that of `entry`. Returns 1; 0: the helper makes another call or
 * none; -errno: the signal could not be sent and the call goes on. One thread may do this for a helper.
 */
int fibril_helper_interrupt(struct fibril_helper *helper, uint64_t entry, int signal)
	__attribute__((visibility("hidden")));

/*
 * Calls that wait with another signal mask, or for signals, would keep out the signal that interrupts them,
 * or take it. Gives such a call, by its arguments, a copy of its set without `signal`. Returns whether a
 * signal that the mask lets in is meant to end the call.
 */
struct fibril_mask_room {
	uint64_t mask, pair[2];
};
bool fibril_mask_without(int signal, int64_t number, uint64_t arguments[6], struct fibril_mask_room *room)
	__attribute__((visibility("hidden")));

/* Sleeps until the helper is woken or the time is over. Returns false for the latter. */
bool fibril_helper_sleep(struct fibril_helper *helper, uint32_t looks, uint64_t nanoseconds)
	__attribute__((visibility("hidden")));
void fibril_helper_wake(struct fibril_helper *helper) __attribute__((visibility("hidden")));

/*
 * Installs the handler that interrupts calls, once a process and signal. Returns 0; EBUSY: somebody else
 * handles the signal; or another errno. With `only_look` nothing is installed.
 */
int fibril_interrupt_prepare(int signal, bool only_look) __attribute__((visibility("hidden")));

#endif
