/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a strand and a worker are, and how the outside sees them: the fibril table, which is optional. Built with
 * WITHOUT_TABLE it is not there, and the events alone must do.
 */
#ifndef WORKER_H
#define WORKER_H

#ifndef WITHOUT_TABLE
#define FIBRIL_PROBES_TABLE
#endif
#include <fibril_probes.h>

#include <pthread.h>
#include <ucontext.h>

#include "strands.h"

enum { STACK_BYTES = 64 * 1024 };

struct strand {
	uint64_t id;
	struct worker *home;
	struct strand *next; /* in the run queue, or among those that sleep */
	void (*function)(void *);
	void *argument, *stack;
	bool has_ended;
	uint32_t waits;      /* enum fibril_reason */
	uint32_t signals;    /* that have come and were not waited for */
	uint64_t deadline;
	ucontext_t context;
	struct fibril_entry *entry;
	/* What other workers leave, under their worker's lock. */
	struct strand *inbox_next;
	uint32_t inbound;
	uint64_t inbound_time, inbound_worker, inbound_strand;
};

struct worker {
	uint64_t id;
	uint32_t thread, living;
	struct fibril_buffer *buffer;
	struct strand root, idle, *running, *left;
	struct strand *ready, **ready_end, *sleepers;
	struct strand_counts counts;
	struct fibril_task_slot *slot;
	uint64_t chunk; /* address of the entries */
	uint32_t entries;
	pthread_mutex_t lock;
	pthread_cond_t news;
	struct strand *inbox;
};

extern __thread struct worker *self;

#ifndef WITHOUT_TABLE
#include "table.h"
#else
#define show_worker(worker, entries) ((void)(entries), true)
#define give_entry(strand) true
#define show_root(name) ((void)(name))
#define show_new(strand, name, number) ((void)(number))
#define show_ready(strand, time, number) ((void)(number))
#define show_running(strand, number) ((void)(number))
#define show_asleep() ((void)0)
#define show_blocked(strand, time, object, deadline, number) ((void)(number))
#define show_parked(strand) ((void)(strand))
#define show_ended(strand, number) ((void)(number))
#define hide(strand) ((void)(strand))
#define hide_worker() ((void)0)
#endif

#endif
