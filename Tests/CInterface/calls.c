/* SPDX-License-Identifier: Apache-2.0 */
/* System calls: made by a fibril, and submitted. */
#include "check.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static int ends[2];
static bool others_ran;

static void write_later(void *argument)
{
	(void)argument;
	others_ran = true;
	EXPECT(fibril_call(SYS_write, ends[1], "text", 4), 4);
}

static void made_by_a_fibril(void)
{
	char text[8];

	errno = EDOM;
	EXPECT(fibril_call(SYS_getpid), getpid());
	EXPECT(fibril_call(SYS_read, -1, text, sizeof text), -EBADF);
	EXPECT(fibril_call(SYS_fork), -EOPNOTSUPP);
	EXPECT(fibril_call((int64_t)1 << 40), -ENOSYS);
	EXPECT(errno, EDOM);
	int64_t address = fibril_call(SYS_mmap, NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	EXPECT(address > 0, true);
	EXPECT(fibril_call(SYS_munmap, address, 4096), 0);
	EXPECT(pipe2(ends, O_CLOEXEC), 0);
	EXPECT(fibril_spawn("writer", 0, write_later, NULL, NULL), 0);
	EXPECT(fibril_call(SYS_read, ends[0], text, sizeof text), 4);
	EXPECT(memcmp(text, "text", 4), 0);
	EXPECT(others_ran, true);
}

static void submitted(void)
{
	struct timespec long_time = {.tv_nsec = 20000000}, short_time = {.tv_nsec = 1000000};
	struct fibril_call calls[] = {
		fibril_make_call(1, SYS_nanosleep, &long_time, NULL),
		fibril_make_call(2, SYS_nanosleep, &short_time, NULL),
		fibril_make_call(UINT64_MAX, SYS_getppid),
		fibril_make_call(4, SYS_close, -1),
	};
	struct fibril_completion done[4];

	EXPECT(fibril_submit(calls, 4), 4);
	EXPECT(fibril_await_completions(done, 1, 2, 0), 2);
	EXPECT(done[0].cookie, UINT64_MAX);
	EXPECT(done[0].result, getppid());
	EXPECT(done[1].cookie, 4);
	EXPECT(done[1].result, -EBADF);
	EXPECT(fibril_await_completions(done, 0, 4, 0), 0);
	EXPECT(fibril_await_completions(done, 4, 4, 0), 2);
	EXPECT(done[0].cookie, 2);
	EXPECT(done[1].cookie, 1);
	EXPECT(done[1].result, 0);
	EXPECT(fibril_await_completions(done, 1, 4, 0), 0);
}

/* A read of a pipe into which nobody writes ends all the same. */
static void interrupted(void)
{
	char byte;
	struct fibril_call calls[] = {
		fibril_make_call(1, SYS_read, ends[0], &byte, 1),
		fibril_make_call(2, SYS_read, ends[0], &byte, 1),
	};
	struct fibril_completion done[2];

	EXPECT(fibril_call_until(NULL, 0), -EINVAL);
	EXPECT(fibril_call_until(&calls[0], fibril_after_ns(1000000)), -ETIMEDOUT);
	EXPECT(fibril_submit(calls, 2), 2);
	EXPECT(fibril_await_completions(done, 1, 2, fibril_after_ns(1000000)), 0);
	EXPECT(fibril_cancel_calls(3), 0);
	EXPECT(fibril_cancel_calls(2), 1);
	EXPECT(fibril_await_completions(done, 1, 2, soon()), 1);
	EXPECT(done[0].cookie, 2);
	EXPECT(done[0].result, -EINTR);
	/* The other one is interrupted by the end of the task. */
}

static void be_cancelled(void *argument)
{
	char byte;

	EXPECT(fibril_call(SYS_read, ends[0], &byte, 1), -EINTR);
	*(bool *)argument = fibril_is_cancelled();
}

static void cancelled(void)
{
	fibril_t fibril;
	bool was_cancelled = false;

	EXPECT(fibril_spawn("reader", 0, be_cancelled, &was_cancelled, &fibril), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_cancel(fibril), 0);
	EXPECT(fibril_join(fibril, soon()), 0);
	EXPECT(was_cancelled, true);
}

void test_calls(void)
{
	struct fibril_event_counts counts;

	EXPECT(fibril_task_create(&options), 0);
	made_by_a_fibril();
	submitted();
	EXPECT(fibril_task_counts(&counts), 0);
	EXPECT(counts.submits, 5);
	EXPECT(counts.teardowns, 5);
	EXPECT(counts.blocks, counts.wakes);
	cancelled();
	interrupted();
	EXPECT(fibril_task_destroy(), 0);
}
