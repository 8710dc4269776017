/* SPDX-License-Identifier: Apache-2.0 */
/* What is not allowed is told by an error and does nothing. */
#include "check.h"

#include <string.h>

static void do_nothing(void *argument)
{
	(void)argument;
}

static void call_what_is_the_roots(void *argument)
{
	(void)argument;
	EXPECT(fibril_task_destroy(), -EPERM);
	EXPECT(fibril_join_all(), -EPERM);
}

static void without_a_task(void)
{
	struct fibril_event_counts counts;
	struct fibril_completion completion;
	struct fibril_call call = fibril_make_call(1, SYS_getpid);
	fibril_wake_target_t none = {{0}}, target = fibril_wake_target();
	fibril_t fibril;

	EXPECT(fibril_task_destroy(), -ESRCH);
	EXPECT(fibril_join_all(), -ESRCH);
	EXPECT(fibril_task_counts(&counts), -ESRCH);
	EXPECT(fibril_spawn("none", 0, do_nothing, NULL, &fibril), -ESRCH);
	EXPECT(fibril_yield(), -ESRCH);
	EXPECT(fibril_sleep_ns(1), -ESRCH);
	EXPECT(fibril_block(0), -ESRCH);
	EXPECT(fibril_without_cancellation(do_nothing, NULL), -ESRCH);
	EXPECT(fibril_call(SYS_getpid), -ESRCH);
	EXPECT(fibril_submit(&call, 1), -ESRCH);
	EXPECT(fibril_await_completions(&completion, 0, 1, 0), -ESRCH);
	EXPECT(fibril_call_until(&call, 0), -ESRCH);
	EXPECT(fibril_cancel_calls(1), -ESRCH);
	EXPECT(fibril_self(), 0);
	EXPECT(fibril_stack_used(), 0);
	EXPECT(fibril_is_cancelled(), false);
	EXPECT(memcmp(&target, &none, sizeof none), 0);
}

static void null_pointers_and_numbers(void)
{
	struct fibril_task_options unknown = {.flags = 1u << 20}, not_zero = {.reserved = {[5] = 1}};
	struct fibril_completion completion;
	struct fibril_task_options no_real_time = {.interrupt_signal = 1};
	fibril_wake_target_t no_target = {{0}};
	fibril_t no_fibril = {{{0}}, 0};
	fibril_semaphore_t *semaphore;
	fibril_channel_t *channel;
	void *element;

	EXPECT(fibril_task_create(&unknown), -EINVAL);
	EXPECT(fibril_task_create(&not_zero), -EINVAL);
	EXPECT(fibril_task_create(&no_real_time), -EINVAL);
	EXPECT(fibril_task_create(&options), 0);
	EXPECT(fibril_task_create(&options), -EEXIST);
	EXPECT(fibril_task_counts(NULL), -EINVAL);
	EXPECT(fibril_spawn("none", 0, NULL, NULL, NULL), -EINVAL);
	EXPECT(fibril_spawn("none", SIZE_MAX, do_nothing, NULL, NULL), -EINVAL);
	EXPECT(fibril_spawn("none", (size_t)1 << 40, do_nothing, NULL, NULL), -ENOMEM);
	EXPECT(fibril_without_cancellation(NULL, NULL), -EINVAL);
	EXPECT(fibril_wake(no_target), -EINVAL);
	EXPECT(fibril_cancel(no_fibril), -EINVAL);
	EXPECT(fibril_join(no_fibril, 0), -ESRCH);
	EXPECT(fibril_detach(no_fibril), -ESRCH);
	EXPECT(fibril_submit(NULL, 1), -EINVAL);
	EXPECT(fibril_submit(NULL, 0), 0);
	EXPECT(fibril_await_completions(NULL, 1, 1, 0), -EINVAL);
	EXPECT(fibril_await_completions(&completion, 2, 1, 0), -EINVAL);
	EXPECT(fibril_mutex_create(NULL), -EINVAL);
	EXPECT(fibril_mutex_lock(NULL, 0), -EINVAL);
	EXPECT(fibril_mutex_unlock(NULL), -EINVAL);
	EXPECT(fibril_mutex_destroy(NULL), -EINVAL);
	EXPECT(fibril_semaphore_create(UINT64_MAX, &semaphore), -EINVAL);
	EXPECT(fibril_semaphore_acquire(NULL, 0), -EINVAL);
	EXPECT(fibril_condition_wait(NULL, NULL, 0), -EINVAL);
	EXPECT(fibril_condition_signal(NULL), -EINVAL);
	EXPECT(fibril_channel_create(0, &channel), -EINVAL);
	EXPECT(fibril_channel_create(SIZE_MAX, &channel), -EINVAL);
	EXPECT(fibril_channel_create(1, NULL), -EINVAL);
	EXPECT(fibril_channel_send(NULL, NULL, 0), -EINVAL);
	EXPECT(fibril_channel_create(1, &channel), 0);
	EXPECT(fibril_channel_receive(channel, NULL, 0), -EINVAL);
	EXPECT(fibril_channel_receive(channel, &element, fibril_after_ns(0)), -ETIMEDOUT);
	EXPECT(fibril_channel_destroy(channel), 0);
	EXPECT(fibril_spawn("not the root", 0, call_what_is_the_roots, NULL, NULL), 0);
	EXPECT(fibril_join_all(), 0);
	EXPECT(fibril_task_destroy(), 0);
}

void test_misuse(void)
{
	EXPECT(fibril_api_version(), FIBRIL_API_VERSION);
	without_a_task();
	null_pointers_and_numbers();
	without_a_task();
	EXPECT(fibril_after_ns(UINT64_MAX), 0);
}
