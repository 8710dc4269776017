/* SPDX-License-Identifier: Apache-2.0 */
/* What the scheduler needs of threads, and what all tasks of the process share. */
#define _GNU_SOURCE
#include "fibril_thread.h"

#include "fibril_context.h"

#include <pthread.h>
#include <unistd.h>

__thread void *fibril_thread_task __attribute__((tls_model("initial-exec"), visibility("hidden")));

uint32_t fibril_thread_id(void)
{
	return (uint32_t)gettid();
}

void fibril_thread_set_name(const char *name)
{
	pthread_setname_np(pthread_self(), name);
}

bool fibril_thread_stack(uint64_t *low, uint64_t *high)
{
	pthread_attr_t attributes;
	void *address;
	size_t bytes;

	if (pthread_getattr_np(pthread_self(), &attributes) != 0)
		return false;
	bool known = pthread_attr_getstack(&attributes, &address, &bytes) == 0;
	pthread_attr_destroy(&attributes);
	if (known) {
		*low = (uint64_t)address;
		*high = *low + bytes;
	}
	return known;
}

void (*fibril_bury)(struct fibril_entry *entry);

static uint64_t next_id = 1;

uint64_t fibril_take_ids(uint64_t count)
{
	return __atomic_fetch_add(&next_id, count, __ATOMIC_RELAXED);
}

uint64_t fibril_take_task_id(void)
{
	static uint64_t next_task_id = 1;

	return __atomic_fetch_add(&next_task_id, 1, __ATOMIC_RELAXED);
}

uint64_t fibril_take_local_key(void)
{
	static uint64_t next_key;

	return __atomic_fetch_add(&next_key, 1, __ATOMIC_RELAXED);
}

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

void fibril_registry_lock(void)
{
	pthread_mutex_lock(&registry);
}

void fibril_registry_unlock(void)
{
	pthread_mutex_unlock(&registry);
}
