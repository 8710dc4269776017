/* SPDX-License-Identifier: Apache-2.0 */
/* The thread-local slots that the scheduler needs: its own, and Swift's set of open accesses. */
#define _GNU_SOURCE
#include "fibril_thread.h"

#include <link.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>
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

static pthread_mutex_t registry = PTHREAD_MUTEX_INITIALIZER;

void fibril_registry_lock(void)
{
	pthread_mutex_lock(&registry);
}

void fibril_registry_unlock(void)
{
	pthread_mutex_unlock(&registry);
}

/* Two words for each of a million names, of which only those in use are ever touched. */
enum { NAME_INDEX_BYTES = 2 * (1 << 20) * sizeof(uint32_t) };

uint32_t *fibril_name_index(void)
{
	static uint32_t *index;

	if (!index) {
		void *memory = mmap(NULL, NAME_INDEX_BYTES, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory != MAP_FAILED)
			index = memory;
	}
	return index;
}

/* libswiftCore's dynamic exclusivity checks; a buffer of three words becomes a node of the list. */
void swift_beginAccess(void *pointer, void *buffer, uintptr_t flags, void *pc);
void swift_endAccess(void *buffer);
enum { TRACKED_MODIFY = 0x21 };

struct search {
	void *value;
	void **found;
	int matches;
};

static int search_module(struct dl_phdr_info *module, size_t size, void *argument)
{
	struct search *search = argument;

	(void)size;
	if (!module->dlpi_tls_data)
		return 0;
	for (int i = 0; i < module->dlpi_phnum; i++) {
		if (module->dlpi_phdr[i].p_type != PT_TLS)
			continue;
		void **words = module->dlpi_tls_data;
		for (size_t k = 0; k < module->dlpi_phdr[i].p_memsz / sizeof *words; k++) {
			if (words[k] == search->value) {
				search->found = &words[k];
				search->matches++;
			}
		}
	}
	return 0;
}

/*
 * Opens an access of its own and looks for the address of that access's node in the thread-local
 * memory of every module: the one word that holds it is the list's head. With accesses already
 * open, or more than one match, there is no telling.
 */
void **fibril_exclusivity_head(void)
{
	static __thread char object;
	uintptr_t node[3] = {0};
	struct search search = {.value = node};

	swift_beginAccess(&object, node, TRACKED_MODIFY, NULL);
	dl_iterate_phdr(search_module, &search);
	bool unique = search.matches == 1 && *search.found == (void *)node;
	swift_endAccess(node);
	return unique ? search.found : NULL;
}
