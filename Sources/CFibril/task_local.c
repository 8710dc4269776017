/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where Swift keeps the task-local values of a thread that runs no Swift task: `withValue` there pushes
 * on a thread-local list, which therefore belongs to the fibril and has to be switched with it.
 */
#define _GNU_SOURCE
#include "fibril_per_call.h"
#include "fibril_thread.h"

#include <link.h>
#include <stddef.h>
#include <stdlib.h>

/* libswift_Concurrency; weak, since a program may not have it. The type is that of the value, Int. */
void swift_task_localValuePush(const void *key, void *value, const void *type) __attribute__((weak));
void swift_task_localValuePop(void) __attribute__((weak));
void *swift_task_getCurrent(void) __attribute__((weak));
extern const char $sSiN __attribute__((weak)); /* type metadata of Swift.Int */

bool fibril_thread_runs_swift_task(void)
{
	return swift_task_getCurrent && swift_task_getCurrent();
}

/* All of the thread's thread-local memory that the linker laid out; without room they are only counted. */
struct words {
	struct word {
		void **address, *value;
	} *word;
	size_t count, room;
};

static int collect_module(struct dl_phdr_info *module, size_t size, void *argument)
{
	struct words *words = argument;

	(void)size;
	if (!module->dlpi_tls_data && words->room)
		return 0;
	for (int i = 0; i < module->dlpi_phnum; i++) {
		if (module->dlpi_phdr[i].p_type != PT_TLS)
			continue;
		void **word = module->dlpi_tls_data;
		size_t count = module->dlpi_phdr[i].p_memsz / sizeof *word;
		if (!words->room)
			words->count += count;
		for (size_t k = 0; k < count && words->count < words->room; k++)
			words->word[words->count++] = (struct word){&word[k], word[k]};
	}
	return 0;
}

/* The one word that is zero before a value is pushed and after it is popped, and not in between. */
uint64_t *fibril_task_local_values(void)
{
	static const char key;
	intptr_t value = 1;
	uint64_t *found = NULL;
	int matches = 0;

	if (!swift_task_localValuePush || !swift_task_localValuePop || !&$sSiN || fibril_thread_runs_swift_task())
		return NULL;
	struct words all = {0}, words[3];
	dl_iterate_phdr(collect_module, &all);
	struct word *memory = all.count ? calloc(3 * all.count, sizeof *memory) : NULL;
	if (!memory)
		return NULL;
	/* The first time the thread's memory for other things may come to be as well. */
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 3; i++)
			words[i] = (struct words){.word = memory + i * all.count, .room = all.count};
		dl_iterate_phdr(collect_module, &words[0]);
		swift_task_localValuePush(&key, &value, &$sSiN);
		dl_iterate_phdr(collect_module, &words[1]);
		swift_task_localValuePop();
		dl_iterate_phdr(collect_module, &words[2]);
	}
	for (size_t i = 0; i < words[0].count && i < words[1].count && i < words[2].count; i++) {
		if (!words[0].word[i].value && words[1].word[i].value && !words[2].word[i].value) {
			matches++;
			found = (uint64_t *)words[0].word[i].address;
		}
	}
	free(memory);
	return matches == 1 ? found : NULL;
}
