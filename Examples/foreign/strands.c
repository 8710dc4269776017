/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler: what strands do, and the probes that tell of it. */
#define _GNU_SOURCE
#define FIBRIL_PROBES_IMPLEMENTATION
#include "worker.h"

#include <stdlib.h>

__thread struct worker *self;

static uint64_t last_strand, last_worker;

static uint64_t next_number(void)
{
	return *fibril_buffer_next_number(self->buffer);
}

static void make_ready(struct strand *strand)
{
	strand->next = NULL;
	*self->ready_end = strand;
	self->ready_end = &strand->next;
}

/* A strand that waits can go on. When, and who let it, is what the waker left. */
static void wake(struct strand *strand, uint64_t time, uint64_t waker_worker, uint64_t waker)
{
	self->counts.wakes++;
	strand->waits = FIBRIL_REASON_NONE;
	show_ready(strand, time, next_number());
	fibril_emit_wake(self->buffer, self->id, time, strand->id, (uint32_t)waker_worker, waker);
	make_ready(strand);
}

static void take_signals(void)
{
	if (!__atomic_load_n(&self->inbox, __ATOMIC_ACQUIRE))
		return;
	pthread_mutex_lock(&self->lock);
	struct strand *strand = self->inbox;
	self->inbox = NULL;
	for (struct strand *next; strand; strand = next) {
		next = strand->inbox_next;
		strand->signals += strand->inbound;
		strand->inbound = 0;
		if (strand->waits != FIBRIL_REASON_WAKE_TARGET)
			continue;
		strand->signals--;
		wake(strand, strand->inbound_time, strand->inbound_worker, strand->inbound_strand);
	}
	pthread_mutex_unlock(&self->lock);
}

static void take_sleepers(void)
{
	uint64_t now = self->sleepers ? fibril_ticks_monotonic() : 0;

	while (self->sleepers && self->sleepers->deadline <= now) {
		struct strand *strand = self->sleepers;
		self->sleepers = strand->next;
		wake(strand, fibril_ticks(), 0, 0);
	}
}

static struct strand *take_ready(void)
{
	take_signals();
	take_sleepers();
	struct strand *strand = self->ready;
	if (strand && !(self->ready = strand->next))
		self->ready_end = &self->ready;
	return strand;
}

/* Sleeps in the kernel until there is a signal or a deadline has come. */
static void wait_for_news(void)
{
	pthread_mutex_lock(&self->lock);
	if (!self->inbox && self->sleepers) {
		uint64_t until = self->sleepers->deadline;
		struct timespec time = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
		pthread_cond_timedwait(&self->news, &self->lock, &time);
	} else if (!self->inbox) {
		pthread_cond_wait(&self->news, &self->lock);
	}
	pthread_mutex_unlock(&self->lock);
}

/* Behind a switch: the strand that was left stands still now. */
static void arrive(void)
{
	struct strand *left = self->left;

	self->left = NULL;
	if (!left)
		return;
	if (!left->has_ended) {
		show_parked(left);
		return;
	}
	hide(left);
	free(left->stack);
	free(left);
}

/* Where a worker goes that has nothing to do: on a stack of its own, so that who waits stands still. */
static void idle(void)
{
	for (;;) {
		struct strand *next;
		arrive();
		while (!(next = take_ready())) {
			fibril_emit_before_sleep(self->buffer);
			wait_for_news();
		}
		self->counts.resumes++;
		show_running(next, next_number());
		fibril_emit_switch(self->buffer, self->id, 0, next->id, 0);
		self->running = next;
		swapcontext(&self->idle.context, &next->context);
	}
}

/* The running strand, whose state this is now, makes room for the next one. */
static void leave(uint32_t state)
{
	struct strand *previous = self->running, *next = take_ready();

	if (next == previous) {
		show_running(next, next_number());
		return;
	}
	if (next) {
		self->counts.switches++;
		show_running(next, next_number());
		fibril_emit_switch(self->buffer, self->id, previous->id, next->id, state);
	} else {
		self->counts.sleeps++;
		show_asleep();
		fibril_emit_switch(self->buffer, self->id, previous->id, 0, state);
		next = &self->idle;
	}
	self->running = next;
	self->left = previous;
	swapcontext(&previous->context, &next->context);
	arrive();
}

static void block(uint32_t reason, uint64_t object, uint64_t deadline)
{
	struct strand *strand = self->running;
	uint64_t now = fibril_ticks();

	self->counts.blocks++;
	strand->waits = reason;
	show_blocked(strand, now, object, deadline, next_number());
	fibril_emit_block(self->buffer, self->id, now, strand->id, reason, object, deadline);
	leave(FIBRIL_STATE_BLOCKED);
}

void strand_yield(void)
{
	show_ready(self->running, 0, next_number());
	make_ready(self->running);
	leave(FIBRIL_STATE_RUNNABLE);
}

void strand_sleep(uint64_t nanoseconds)
{
	struct strand *strand = self->running, **place = &self->sleepers;

	strand->deadline = fibril_ticks_monotonic() + nanoseconds;
	while (*place && (*place)->deadline <= strand->deadline)
		place = &(*place)->next;
	strand->next = *place;
	*place = strand;
	block(FIBRIL_REASON_SLEEP, nanoseconds, strand->deadline);
}

void strand_wait(void)
{
	take_signals();
	if (self->running->signals)
		self->running->signals--;
	else
		block(FIBRIL_REASON_WAKE_TARGET, 0, 0);
}

void strand_signal(struct strand *strand)
{
	struct worker *home = strand->home;

	if (home == self) {
		if (strand->waits == FIBRIL_REASON_WAKE_TARGET)
			wake(strand, fibril_ticks(), self->id, self->running->id);
		else
			strand->signals++;
		return;
	}
	/* Only a worker's own thread emits for it: the signal carries what it has to say. */
	pthread_mutex_lock(&home->lock);
	if (!strand->inbound++) {
		strand->inbound_time = fibril_ticks();
		strand->inbound_worker = self->id;
		strand->inbound_strand = self->running->id;
		strand->inbox_next = home->inbox;
		__atomic_store_n(&home->inbox, strand, __ATOMIC_RELEASE);
		pthread_cond_signal(&home->news);
	}
	pthread_mutex_unlock(&home->lock);
}

struct strand *strand_self(void)
{
	return self->running;
}

bool strands_are_traced(void)
{
	return fibril_traces_scheduling();
}

static void run(void)
{
	struct strand *strand = self->running;

	arrive();
	strand->function(strand->argument);
	self->counts.teardowns++;
	strand->has_ended = true;
	show_ended(strand, next_number());
	fibril_emit_teardown(self->buffer, self->id, strand->id, 0);
	if (--self->living == 0 && self->root.waits == FIBRIL_REASON_JOIN)
		wake(&self->root, fibril_ticks(), self->id, strand->id);
	leave(FIBRIL_STATE_DEAD);
	abort(); /* nobody goes on with it */
}

static bool prepare(struct strand *strand, void (*start)(void))
{
	strand->stack = malloc(STACK_BYTES);
	if (!strand->stack)
		return false;
	getcontext(&strand->context);
	strand->context.uc_stack.ss_sp = strand->stack;
	strand->context.uc_stack.ss_size = STACK_BYTES;
	makecontext(&strand->context, start, 0);
	return true;
}

struct strand *strand_spawn(const char *name, void (*function)(void *), void *argument)
{
	struct strand *strand = (struct strand *)calloc(1, sizeof *strand);

	if (!strand || !give_entry(strand) || !prepare(strand, run)) {
		free(strand);
		return NULL;
	}
	strand->id = __atomic_add_fetch(&last_strand, 1, __ATOMIC_RELAXED);
	strand->home = self;
	strand->function = function;
	strand->argument = argument;
	uint32_t index = fibril_name(name, strlen(name));
	self->counts.submits++;
	self->living++;
	show_new(strand, index, next_number());
	fibril_emit_submit(self->buffer, self->id, strand->id, self->running->id, -1, (uintptr_t)function, index,
			   fibril_name_text(index));
	make_ready(strand);
	return strand;
}

bool worker_begin(uint32_t most_strands)
{
	struct worker *worker = (struct worker *)calloc(1, sizeof *worker);
	pthread_condattr_t attributes;

	if (!worker || !prepare(&worker->idle, idle) || !show_worker(worker, most_strands + 1)) {
		if (worker)
			free(worker->idle.stack);
		free(worker);
		return false;
	}
	self = worker;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->news, &attributes);
	pthread_mutex_init(&worker->lock, NULL);
	worker->ready_end = &worker->ready;
	worker->id = __atomic_add_fetch(&last_worker, 1, __ATOMIC_RELAXED);
	worker->root.id = __atomic_add_fetch(&last_strand, 1, __ATOMIC_RELAXED);
	worker->root.home = worker;
	worker->running = &worker->root;
	worker->thread = (uint32_t)syscall(SYS_gettid);
	worker->buffer = fibril_buffer_acquire(worker->id);
	show_root(fibril_name("root", 4));
	fibril_emit_task_start(worker->buffer, worker->id, worker->root.id, worker->thread);
	return true;
}

struct strand_counts worker_end(void)
{
	struct worker *worker = self;
	struct strand_counts counts;

	if (worker->living)
		block(FIBRIL_REASON_JOIN, 0, 0);
	counts = worker->counts;
	hide_worker();
	fibril_emit_task_stop(worker->buffer, worker->id, worker->root.id, worker->thread);
	fibril_buffer_release(worker->buffer);
	self = NULL;
	pthread_cond_destroy(&worker->news);
	pthread_mutex_destroy(&worker->lock);
	free(worker->idle.stack);
	free(worker);
	return counts;
}
