/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibril: many small stacks on one thread, and any system call without blocking it.
 *
 *     static void reader(void *descriptor)
 *     {
 *             char text[64];
 *             int64_t count = fibril_call(SYS_read, *(int *)descriptor, text, sizeof text);
 *             ...
 *     }
 *
 *     fibril_task_create(NULL);
 *     fibril_spawn("reader", 0, reader, &descriptor, NULL);
 *     fibril_task_destroy();
 *
 * Words. A task is a thread that hosts fibrils; fibrils run in turn, on stacks of their own, and never
 * leave their thread, so that thread-local variables, errno and lock owners stay what they are. The
 * thread itself is its task's root fibril. A fibril runs until it blocks, and then another one does:
 * what a fibril waits for must be waited for by this header's functions, or by a call of fibril_call.
 *
 * Results. A function that can fail returns an int or int64_t that is negative then: -errno. errno
 * itself is not touched. Each comment names the errors that are its function's own. Besides them:
 *
 *     -ESRCH    the calling thread is no task (where the function needs one)
 *     -EINVAL   a pointer that must not be NULL is NULL, or a number is out of range
 *     -EINTR    the wait was ended because the fibril is cancelled (fibril_cancel)
 *     -ETIMEDOUT  the wait was ended by its deadline
 *
 * Time. Deadlines are moments on CLOCK_MONOTONIC in nanoseconds; 0 is none: see fibril_after_ns.
 *
 * Threads and signals. Functions act on the calling thread's task unless they take a handle; what takes
 * a handle (fibril_t, fibril_wake_target_t, a pointer to a mutex and so on) may be called by fibrils of
 * any task and by plain threads. Only fibril_wake, fibril_cancel, fibril_self and fibril_dump may be called
 * in a signal handler: they take no lock and do not allocate.
 *
 * Link with -lfibrilrt: `pkg-config --cflags --libs fibril`.
 */
#ifndef FIBRIL_H
#define FIBRIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows by one with a change after which programs must be compiled anew; the number in the soname. */
#define FIBRIL_API_VERSION 1

/* The FIBRIL_API_VERSION with which the library was compiled. */
uint32_t fibril_api_version(void);

/* ---- Tasks ------------------------------------------------------------------------------------- */

enum fibril_task_flags {
	FIBRIL_TASK_WITHOUT_IO_URING = 1,          /* all calls that may block go to helper threads */
	FIBRIL_TASK_WITHOUT_INLINE_FILE_CALLS = 2, /* so do those that look up names or list directories */
};

struct fibril_task_options {
	uint64_t flags;           /* of enum fibril_task_flags */
	int32_t interrupt_signal; /* the real-time signal that interrupts calls on helper threads, which nobody
				     else in the process may handle; 0: SIGRTMIN + 5 */
	int32_t reserved32;       /* zero */
	uint64_t reserved[6];     /* zero */
};

/*
 * Makes the calling thread a task, until fibril_task_destroy. NULL: all options zero.
 * Errors: -EEXIST it is one already; -EINVAL an unknown flag, no real-time signal, reserved not zero;
 * -EBUSY the signal is handled by somebody else; -ENOMEM, -EMFILE and others for want of memory or descriptors.
 */
int fibril_task_create(const struct fibril_task_options *options);

/*
 * Waits until all fibrils of the task have ended, interrupts its submitted calls and waits for them (their
 * completions are dropped), and makes the thread a plain one again.
 * Errors: -EPERM called by another fibril than the root.
 */
int fibril_task_destroy(void);

/*
 * Waits until every fibril of the task has ended; cancellation does not end this wait.
 * Errors: -EPERM called by another fibril than the root.
 */
int fibril_join_all(void);

/* How often each kind of event has happened in a task: as often as a trace shows it. */
struct fibril_event_counts {
	uint64_t submits;       /* fibrils spawned and calls submitted */
	uint64_t blocks, wakes;
	uint64_t switches;      /* from a fibril to another */
	uint64_t sleeps;        /* from a fibril to the kernel's sleep */
	uint64_t resumes;       /* from there to a fibril */
	uint64_t teardowns;     /* ended fibrils and calls */
	uint64_t inline_stalls; /* calls on the task's thread that took longer than they should */
};

/* Those of the calling thread's task so far. */
int fibril_task_counts(struct fibril_event_counts *counts);

/* Whether a tracer listens to this process at the moment. Any thread. */
bool fibril_is_traced(void);

/* ---- Wake targets ------------------------------------------------------------------------------ */

/* What a waker holds: one fibril, by value. All zero: none. It may outlive its fibril. */
typedef struct {
	uint64_t opaque[3];
} fibril_wake_target_t;

/* The calling fibril's; all zero if the thread is no task. */
fibril_wake_target_t fibril_wake_target(void);

/*
 * Ends the fibril's fibril_block or, if it is in none, lets its next one return at once. Several wakes
 * before one block count as one; a wake of a fibril that has ended does nothing. Never blocks; any
 * thread; safe in a signal handler.
 * Errors: -EINVAL the target is all zero.
 */
int fibril_wake(fibril_wake_target_t target);

/*
 * Blocks the calling fibril until its wake target is woken; returns at once if that has happened since
 * its last block.
 */
int fibril_block(uint64_t deadline_ns);

/* ---- Fibrils ----------------------------------------------------------------------------------- */

/* A fibril that can be joined, by value. Once it is joined or detached, to do so by a copy is -ESRCH. */
typedef struct {
	fibril_wake_target_t target;
	uint64_t handle; /* opaque */
} fibril_t;

/*
 * A new fibril of the calling thread's task, which runs body(argument) when its turn comes. It ends when
 * body returns; body must not be left by longjmp, pthread_exit or a C++ exception.
 *
 * name          what dumps and traces call it, UTF-8, at most 63 bytes of it; NULL: nothing
 * stack_bytes   the size of its stack, rounded up to a power of two less a guard page; 0: 60 KiB. Only
 *               what is touched costs memory. An overflow ends the program with a message that names
 *               the fibril.
 * out           the handle, to be joined or detached; NULL: it is detached from the start
 *
 * Errors: -ENOMEM; -EAGAIN there are too many fibrils.
 */
int fibril_spawn(const char *name, size_t stack_bytes, void (*body)(void *argument), void *argument, fibril_t *out);

/* The id of the calling fibril, unique in the process and never used again; 0: the thread is no task. */
uint64_t fibril_self(void);

/*
 * How many bytes of its stack the calling fibril has used at most, so far; what a former fibril on the same
 * stack has used counts as well. 0: the thread is no task. Takes microseconds.
 */
size_t fibril_stack_used(void);

/* The id of a fibril. */
static inline uint64_t fibril_id(fibril_t fibril)
{
	return fibril.target.opaque[1];
}

/* Lets the task's other runnable fibrils run. */
int fibril_yield(void);

/* Blocks the calling fibril for so many nanoseconds. */
int fibril_sleep_ns(uint64_t nanoseconds);

/*
 * Waits until the fibril has ended, and uses the handle up. After -ETIMEDOUT and -EINTR it can be joined still.
 * Callers: any fibril of any task, and plain threads.
 * Errors: -ESRCH it has been joined or detached, or another one is joining it; -EDEADLK it is the caller.
 */
int fibril_join(fibril_t fibril, uint64_t deadline_ns);

/* Uses the handle up; the fibril goes on. Any thread. Errors: -ESRCH as fibril_join. */
int fibril_detach(fibril_t fibril);

/*
 * Cancels the fibril: the call in which it is blocked returns -EINTR, and so does another wait in which it
 * is; so do those that follow. What it does then is up to it. One that has ended is not touched. Never
 * blocks; any thread; safe in a signal handler. The handle stays.
 * Errors: -EINVAL the handle is all zero.
 */
int fibril_cancel(fibril_t fibril);

/* Whether somebody has cancelled the calling fibril. False on a thread that is no task. */
bool fibril_is_cancelled(void);

/*
 * Runs body(argument), in the calling fibril, as if it had not been cancelled: for what must be done on
 * the way out.
 */
int fibril_without_cancellation(void (*body)(void *argument), void *argument);

/* ---- System calls ------------------------------------------------------------------------------ */

/* A system call: its number as in <sys/syscall.h>, up to six arguments, and what comes back with its result. */
struct fibril_call {
	int64_t number;
	uint64_t arguments[6];
	uint64_t cookie;
};

struct fibril_completion {
	uint64_t cookie;
	int64_t result; /* what the call returned, -errno on failure */
};

/*
 * Makes a system call and blocks the calling fibril until it is done, as the bare call would block a
 * thread; the task's other fibrils run meanwhile. Returns what the call returns, -errno on failure.
 * Errors: -EOPNOTSUPP a call that would break the task, as fork; -EINTR the fibril is cancelled.
 */
int64_t fibril_call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f);

/*
 * The same with a deadline, when the call is interrupted: unless it has done a part of its work, the result
 * is -ETIMEDOUT. The cookie is not used.
 */
int64_t fibril_call_until(const struct fibril_call *call, uint64_t deadline_ns);

/*
 * Submits calls. Never blocks. A call that does not block is run in turn, before this returns; another one
 * is on its way when this returns. Return codes are collected later by fibril_await_completions, in the
 * order in which calls finish. What the arguments point to must stay where it is until then; the array
 * calls itself need not.
 * Returns how many were submitted: less than count if memory ran out, and -ENOMEM or -EAGAIN if that was
 * before the first.
 */
int64_t fibril_submit(const struct fibril_call *calls, size_t count);

/*
 * Collects completions of this task's calls, oldest first: at most maximum, and blocks the calling fibril
 * until there are minimum of them. Returns how many: less than minimum only if the deadline has passed or no
 * call was left that could finish.
 * Errors: -EINTR the fibril is cancelled and there were not enough; they stay.
 */
int64_t fibril_await_completions(struct fibril_completion *completions, size_t minimum, size_t maximum,
				 uint64_t deadline_ns);

/*
 * Interrupts the submitted calls of this task that have this cookie: each completes soon, with -EINTR unless it
 * was done before that or had done a part of its work. Returns how many there were.
 */
int64_t fibril_cancel_calls(uint64_t cookie);

/* A call with its arguments: fibril_make_call(cookie, SYS_read, descriptor, buffer, bytes). */
static inline struct fibril_call fibril_make_call(uint64_t cookie, int64_t number, uint64_t a, uint64_t b, uint64_t c,
						  uint64_t d, uint64_t e, uint64_t f)
{
	struct fibril_call call = {number, {a, b, c, d, e, f}, cookie};

	return call;
}

/*
 * Both can be called with fewer arguments, which are integers or pointers. (The zeros fill up; the last one
 * is there for a call with all six.)
 */
#define fibril_call(...) FIBRIL_CALL_PADDED(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define FIBRIL_CALL_PADDED(number, a, b, c, d, e, f, ...) fibril_call(number, FIBRIL_WORDS(a, b, c, d, e, f))
#define fibril_make_call(cookie, ...) FIBRIL_MAKE_CALL_PADDED(cookie, __VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)
#define FIBRIL_MAKE_CALL_PADDED(cookie, number, a, b, c, d, e, f, ...) \
	fibril_make_call(cookie, number, FIBRIL_WORDS(a, b, c, d, e, f))
#define FIBRIL_WORDS(a, b, c, d, e, f) \
	(uint64_t)(a), (uint64_t)(b), (uint64_t)(c), (uint64_t)(d), (uint64_t)(e), (uint64_t)(f)

/* ---- Waiting for each other -------------------------------------------------------------------- */

/*
 * These park the calling fibril and not its thread, and work between fibrils of one task, of several, and
 * plain threads. Who has waited longest is first. Pointers come from _create, and are good until _destroy,
 * which returns -EBUSY while somebody holds the thing or waits for it. -ENOMEM: no memory for one.
 */
typedef struct fibril_mutex_object fibril_mutex_t;
typedef struct fibril_semaphore_object fibril_semaphore_t;
typedef struct fibril_condition_object fibril_condition_t;
typedef struct fibril_channel_object fibril_channel_t;

int fibril_mutex_create(fibril_mutex_t **out);
int fibril_mutex_destroy(fibril_mutex_t *mutex);

/*
 * Waits until the mutex is free, and holds it. Only a wait is ended by a cancellation or the deadline: a free
 * mutex is locked at once. Errors: -EDEADLK the caller holds it already.
 */
int fibril_mutex_lock(fibril_mutex_t *mutex, uint64_t deadline_ns);

/* Errors: -EBUSY it is not free. */
int fibril_mutex_try_lock(fibril_mutex_t *mutex);

/* Errors: -EPERM the caller does not hold it. */
int fibril_mutex_unlock(fibril_mutex_t *mutex);

/* A counting semaphore that begins with so many permits, at most INT64_MAX. */
int fibril_semaphore_create(uint64_t permits, fibril_semaphore_t **out);
int fibril_semaphore_destroy(fibril_semaphore_t *semaphore);

/* Takes a permit, waiting until there is one. */
int fibril_semaphore_acquire(fibril_semaphore_t *semaphore, uint64_t deadline_ns);

/* Errors: -EAGAIN there is none. */
int fibril_semaphore_try_acquire(fibril_semaphore_t *semaphore);

/* Gives a permit. Never blocks. */
int fibril_semaphore_release(fibril_semaphore_t *semaphore);

int fibril_condition_create(fibril_condition_t **out);
int fibril_condition_destroy(fibril_condition_t *condition);

/*
 * Lets go of the mutex, waits to be signalled, and holds the mutex again, also after an error. Look again at
 * what you wait for, since others may have been first. Errors: -EPERM the caller does not hold the mutex.
 */
int fibril_condition_wait(fibril_condition_t *condition, fibril_mutex_t *mutex, uint64_t deadline_ns);

/* Wakes who has waited longest, or all. */
int fibril_condition_signal(fibril_condition_t *condition);
int fibril_condition_broadcast(fibril_condition_t *condition);

/* A bounded channel of pointers, NULL among them, in order; capacity is from 1 to 2^24. */
int fibril_channel_create(size_t capacity, fibril_channel_t **out);

/* What is still in it is dropped. */
int fibril_channel_destroy(fibril_channel_t *channel);

/* Puts an element in, waiting while the channel is full. Errors: -EPIPE it is closed. */
int fibril_channel_send(fibril_channel_t *channel, void *element, uint64_t deadline_ns);

/* Takes the oldest element out, waiting while there is none. Errors: -EPIPE it is closed and empty. */
int fibril_channel_receive(fibril_channel_t *channel, void **element, uint64_t deadline_ns);

/* Nothing more can be sent; what is in it can still be received. */
int fibril_channel_close(fibril_channel_t *channel);

/* ---- Looking at all fibrils -------------------------------------------------------------------- */

/*
 * Writes what every fibril of the process does and its stack to a descriptor, in the layout of `fibril dump`,
 * with places in modules instead of functions' names: `fibril dump --symbolize FILE` puts those in. Any
 * thread; safe in a signal handler. The calling thread waits until all is written.
 * Errors: -errno of a write that failed; -ENOMEM.
 */
int fibril_dump(int descriptor);

/*
 * From here on SIGQUIT writes such a dump to standard error, and whatever handled it before does not get it any
 * more. Then the process goes on, or it ends by the signal. Called again, the last call counts.
 */
void fibril_dump_on_quit(bool goes_on);

/* ---- Time -------------------------------------------------------------------------------------- */

/* The deadline so many nanoseconds from now; none, 0, if that is past the clock's end. */
uint64_t fibril_after_ns(uint64_t nanoseconds);

#ifdef __cplusplus
}
#endif

#endif
