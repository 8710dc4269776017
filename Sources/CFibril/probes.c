/* SPDX-License-Identifier: Apache-2.0 */
/* The probes, event buffers and table of bpf/include/fibril_probes.h, with what this runtime adds at a fork. */
#define _GNU_SOURCE
#include "fibril_fork.h"
#include "fibril_thread.h"
#include "fibril_wait.h"

static void lock_tables(void)
{
	fibril_registry_lock();
	fibril_guard_lock(&fibril_end_waiters()->guard);
}

static void unlock_tables(void)
{
	fibril_guard_unlock(&fibril_end_waiters()->guard);
	fibril_registry_unlock();
}

static void keep_own_task(uint32_t thread);

#define FIBRIL_PROBES_BEFORE_FORK lock_tables
#define FIBRIL_PROBES_AFTER_FORK unlock_tables
#define FIBRIL_PROBES_IN_CHILD keep_own_task
#define FIBRIL_PROBES_IMPLEMENTATION
#include "fibril_events.h"

static void keep_own_task(uint32_t thread)
{
	fibril_registry_unlock();
	fibril_fork_keep_own_task((struct fibril_task_slot *)fibril_root.tasks, fibril_root.task_slots, thread);
}
