/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning, joining, detaching, cancelling and waking. */
#include "check.h"

#include <pthread.h>
#include <signal.h>

static fibril_t gate_keeper;
static int ended;

/* Ends when it is woken. */
static void wait_at_gate(void *argument)
{
	EXPECT(fibril_self(), fibril_id(gate_keeper));
	EXPECT(fibril_join(gate_keeper, 0), -EDEADLK);
	EXPECT(fibril_block(soon()), 0);
	*(int *)argument = 1;
}

static void count_end(void *argument)
{
	(void)argument;
	ended++;
}

/* Joins when nobody else is doing so. */
static void *join_elsewhere(void *argument)
{
	intptr_t result;

	while ((result = fibril_join(*(fibril_t *)argument, soon())) == -ESRCH)
		;
	return (void *)result;
}

static void join_gate_keeper(void *argument)
{
	*(int *)argument = fibril_join(gate_keeper, soon());
}

/* A handle is used up by what succeeds, and by nothing else. */
static void handles(void)
{
	int was_open = 0, joined = 1;
	fibril_t fibril, older[64];

	EXPECT(fibril_spawn("gate keeper", 0, wait_at_gate, &was_open, &gate_keeper), 0);
	EXPECT(fibril_join(gate_keeper, fibril_after_ns(1000000)), -ETIMEDOUT);
	EXPECT(fibril_spawn(NULL, 0, join_gate_keeper, &joined, &fibril), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_join(gate_keeper, 0), -ESRCH);
	EXPECT(fibril_detach(gate_keeper), -ESRCH);
	EXPECT(fibril_wake(gate_keeper.target), 0);
	EXPECT(fibril_join(fibril, soon()), 0);
	EXPECT(joined, 0);
	EXPECT(was_open, 1);
	EXPECT(fibril_join(gate_keeper, 0), -ESRCH);
	EXPECT(fibril_wake(gate_keeper.target), 0);
	EXPECT(fibril_cancel(gate_keeper), 0);

	/* What lay behind a handle serves others, and the handle stays used up. */
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 64; i++)
			EXPECT(fibril_spawn("short", 0, count_end, NULL, &older[i]), 0);
		for (int i = 0; i < 64; i++)
			EXPECT(i % 3 == 0 ? fibril_detach(older[i]) : fibril_join(older[i], soon()), 0);
		EXPECT(fibril_spawn("next", 0, count_end, NULL, &fibril), 0);
		for (int i = 0; i < 64; i++)
			EXPECT(i % 2 == 0 ? fibril_detach(older[i]) : fibril_join(older[i], 0), -ESRCH);
		EXPECT(fibril_join(fibril, soon()), 0);
	}
	EXPECT(fibril_join_all(), 0);
	EXPECT(ended, 6500);
}

static void join_from_a_thread(void)
{
	pthread_t thread;
	void *result;
	int was_open = 0;

	EXPECT(fibril_spawn("gate keeper", 0, wait_at_gate, &was_open, &gate_keeper), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(pthread_create(&thread, NULL, join_elsewhere, &gate_keeper), 0);
	while (fibril_join(gate_keeper, fibril_after_ns(100000)) == -ETIMEDOUT)
		;
	/* The thread has the handle now. */
	EXPECT(fibril_wake(gate_keeper.target), 0);
	while (pthread_tryjoin_np(thread, &result) == EBUSY)
		EXPECT(fibril_sleep_ns(100000), 0);
	EXPECT((intptr_t)result, 0);
	EXPECT(was_open, 1);
}

static void use_stack(void *argument)
{
	volatile char room[100000];

	for (size_t i = 0; i < sizeof room; i++)
		room[i] = 1;
	EXPECT(fibril_stack_used() > sizeof room, true);
	*(bool *)argument = true;
}

static void stacks(void)
{
	bool is_done = false;

	EXPECT(fibril_spawn("large", 200000, use_stack, &is_done, NULL), 0);
	EXPECT(fibril_join_all(), 0);
	EXPECT(is_done, true);
}

static pthread_barrier_t start;

static void *join_at_once(void *argument)
{
	pthread_barrier_wait(&start);
	return (void *)(intptr_t)fibril_join(*(fibril_t *)argument, soon());
}

/* Of several threads that join one fibril at the same time, one does. */
static void join_from_many_threads(void)
{
	enum { THREADS = 4, ROUNDS = 50 };
	pthread_t threads[THREADS];
	fibril_t fibril;

	EXPECT(pthread_barrier_init(&start, NULL, THREADS), 0);
	for (int round = 0; round < ROUNDS; round++) {
		int joined = 0, refused = 0;

		EXPECT(fibril_spawn("wanted", 0, count_end, NULL, &fibril), 0);
		for (int i = 0; i < THREADS; i++)
			EXPECT(pthread_create(&threads[i], NULL, join_at_once, &fibril), 0);
		for (int i = 0; i < THREADS; i++) {
			void *result;
			/* They ask this task, which has to be there. */
			while (pthread_tryjoin_np(threads[i], &result) == EBUSY)
				EXPECT(fibril_sleep_ns(50000), 0);
			joined += (intptr_t)result == 0;
			refused += (intptr_t)result == -ESRCH;
		}
		EXPECT(joined, 1);
		EXPECT(refused, THREADS - 1);
	}
	pthread_barrier_destroy(&start);
}

static void be_cancelled(void *argument)
{
	EXPECT(fibril_sleep_ns(60000000000), -EINTR);
	EXPECT(fibril_is_cancelled(), true);
	EXPECT(fibril_block(0), -EINTR);
	EXPECT(fibril_without_cancellation(count_end, NULL), 0);
	EXPECT(fibril_sleep_ns(1), -EINTR);
	*(bool *)argument = true;
}

static void cancelling(void)
{
	bool is_done = false;
	fibril_t fibril;

	EXPECT(fibril_spawn("cancelled", 0, be_cancelled, &is_done, &fibril), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_cancel(fibril), 0);
	EXPECT(fibril_join(fibril, soon()), 0);
	EXPECT(is_done, true);
}

static fibril_wake_target_t root;

static void handle_signal(int signal)
{
	(void)signal;
	fibril_wake(root);
}

static void waking(void)
{
	struct sigaction action = {.sa_handler = handle_signal};

	root = fibril_wake_target();
	EXPECT(fibril_block(fibril_after_ns(1000)), -ETIMEDOUT);
	EXPECT(fibril_wake(root), 0);
	EXPECT(fibril_wake(root), 0);
	EXPECT(fibril_block(0), 0);
	EXPECT(fibril_block(fibril_after_ns(1000)), -ETIMEDOUT);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	EXPECT(fibril_block(0), 0);
}

void test_fibrils(void)
{
	fibril_t outlives;

	EXPECT(fibril_task_create(&options), 0);
	handles();
	stacks();
	join_from_a_thread();
	join_from_many_threads();
	cancelling();
	waking();
	EXPECT(fibril_spawn("outlived", 0, count_end, NULL, &outlives), 0);
	EXPECT(fibril_task_destroy(), 0);
	EXPECT(fibril_join(outlives, 0), 0);
	EXPECT(fibril_join(outlives, 0), -ESRCH);
	EXPECT(fibril_wake(root), 0);
}
