/* SPDX-License-Identifier: Apache-2.0 */
/* Mutexes, semaphores, conditions and channels. */
#include "check.h"

static fibril_mutex_t *mutex;
static fibril_semaphore_t *semaphore;
static fibril_condition_t *condition;
static fibril_channel_t *channel;
static int turns;

static void contend(void *argument)
{
	(void)argument;
	EXPECT(fibril_mutex_try_lock(mutex), -EBUSY);
	EXPECT(fibril_mutex_unlock(mutex), -EPERM);
	EXPECT(fibril_mutex_lock(mutex, fibril_after_ns(1000)), -ETIMEDOUT);
	EXPECT(fibril_mutex_lock(mutex, soon()), 0);
	turns++;
	EXPECT(fibril_mutex_unlock(mutex), 0);
}

static void mutexes(void)
{
	EXPECT(fibril_mutex_create(&mutex), 0);
	EXPECT(fibril_mutex_lock(mutex, 0), 0);
	EXPECT(fibril_mutex_lock(mutex, 0), -EDEADLK);
	EXPECT(fibril_mutex_destroy(mutex), -EBUSY);
	EXPECT(fibril_spawn("contender", 0, contend, NULL, NULL), 0);
	EXPECT(fibril_sleep_ns(2000000), 0);
	EXPECT(turns, 0);
	EXPECT(fibril_mutex_unlock(mutex), 0);
	EXPECT(fibril_join_all(), 0);
	EXPECT(turns, 1);
	EXPECT(fibril_mutex_unlock(mutex), -EPERM);
	EXPECT(fibril_mutex_try_lock(mutex), 0);
	EXPECT(fibril_mutex_unlock(mutex), 0);
}

static void acquire(void *argument)
{
	(void)argument;
	EXPECT(fibril_semaphore_acquire(semaphore, soon()), 0);
	turns++;
}

static void semaphores(void)
{
	EXPECT(fibril_semaphore_create(1, &semaphore), 0);
	EXPECT(fibril_semaphore_try_acquire(semaphore), 0);
	EXPECT(fibril_semaphore_try_acquire(semaphore), -EAGAIN);
	EXPECT(fibril_semaphore_acquire(semaphore, fibril_after_ns(1000)), -ETIMEDOUT);
	EXPECT(fibril_spawn("acquirer", 0, acquire, NULL, NULL), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_semaphore_destroy(semaphore), -EBUSY);
	EXPECT(fibril_semaphore_release(semaphore), 0);
	EXPECT(fibril_join_all(), 0);
	EXPECT(turns, 2);
	EXPECT(fibril_semaphore_destroy(semaphore), 0);
}

static void wait_for_signal(void *argument)
{
	(void)argument;
	EXPECT(fibril_condition_wait(condition, mutex, 0), -EPERM);
	EXPECT(fibril_mutex_lock(mutex, soon()), 0);
	EXPECT(fibril_condition_wait(condition, mutex, soon()), 0);
	turns++;
	EXPECT(fibril_mutex_unlock(mutex), 0);
}

static void conditions(void)
{
	EXPECT(fibril_condition_create(&condition), 0);
	EXPECT(fibril_mutex_lock(mutex, 0), 0);
	EXPECT(fibril_condition_wait(condition, mutex, fibril_after_ns(1000)), -ETIMEDOUT);
	EXPECT(fibril_mutex_unlock(mutex), 0);
	for (int i = 0; i < 3; i++)
		EXPECT(fibril_spawn("waiter", 0, wait_for_signal, NULL, NULL), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_condition_destroy(condition), -EBUSY);
	EXPECT(fibril_condition_signal(condition), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(turns, 3);
	EXPECT(fibril_condition_broadcast(condition), 0);
	EXPECT(fibril_join_all(), 0);
	EXPECT(turns, 5);
	EXPECT(fibril_condition_destroy(condition), 0);
	EXPECT(fibril_mutex_destroy(mutex), 0);
}

static int numbers[8];

static void send_all(void *argument)
{
	(void)argument;
	for (int i = 0; i < 8; i++)
		EXPECT(fibril_channel_send(channel, &numbers[i], soon()), 0);
	EXPECT(fibril_channel_send(channel, NULL, soon()), 0);
	EXPECT(fibril_channel_close(channel), 0);
	EXPECT(fibril_channel_send(channel, NULL, 0), -EPIPE);
}

static void channels(void)
{
	void *element;

	EXPECT(fibril_channel_create(2, &channel), 0);
	EXPECT(fibril_spawn("sender", 0, send_all, NULL, NULL), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_channel_destroy(channel), -EBUSY);
	for (int i = 0; i < 8; i++) {
		EXPECT(fibril_channel_receive(channel, &element, soon()), 0);
		EXPECT(element == &numbers[i], true);
	}
	EXPECT(fibril_channel_receive(channel, &element, soon()), 0);
	EXPECT(element == NULL, true);
	EXPECT(fibril_join_all(), 0);
	EXPECT(fibril_channel_receive(channel, &element, 0), -EPIPE);
	EXPECT(fibril_channel_destroy(channel), 0);
}

void test_waiting(void)
{
	EXPECT(fibril_task_create(&options), 0);
	mutexes();
	semaphores();
	conditions();
	channels();
	EXPECT(fibril_task_destroy(), 0);
}
