/* SPDX-License-Identifier: Apache-2.0 */
/* Where a thread keeps what belongs to the fibril that runs on it: found once a task. */
#define _GNU_SOURCE
#include "fibril_per_call.h"
#include "fibril_tools.h"

#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>

__thread int *fibril_thread_error __attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Of the Itanium C++ ABI. Weak: a program without C++ has none. */
void *__cxa_get_globals(void) __attribute__((weak));

/* libswiftCore's own way to take the set of open accesses away and to put it back; state is two zeroed words. */
void swift_task_exitThreadLocalContext(char *state);
void swift_task_enterThreadLocalContext(char *state);

/* Stand-ins for what a thread has not: nothing to carry, and always something to carry. */
static uint64_t nothing[2];
static uint64_t always = 1;

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
 * Swift keeps the accesses that are open in a thread as a list whose nodes lie on the stack. This
 * opens an access of its own and looks for the address of that access's node in the thread-local
 * memory of every module: the one word that holds it is the list's head. With accesses already
 * open, or more than one match, there is no telling.
 */
static uint64_t *find_accesses(void)
{
	static __thread char object;
	uintptr_t node[3] = {0};
	struct search search = {.value = node};

	swift_beginAccess(&object, node, TRACKED_MODIFY, NULL);
	dl_iterate_phdr(search_module, &search);
	bool unique = search.matches == 1 && *search.found == (void *)node;
	swift_endAccess(node);
	return unique ? (uint64_t *)search.found : NULL;
}

struct fibril_per_call fibril_per_call_find(bool shares_accesses)
{
	uint64_t *accesses = shares_accesses ? nothing : find_accesses(), *values = fibril_task_local_values();

	fibril_thread_error = &errno;
	fibril_tools_look();
	return (struct fibril_per_call){
		.watched = accesses && !fibril_tools_active() ? accesses : &always,
		.values = values ? values : nothing,
		.exceptions = __cxa_get_globals ? __cxa_get_globals() : nothing,
		.error = fibril_thread_error,
		.float_control = fibril_float_control(),
		.accesses = accesses,
	};
}

/* Words that are zero are not written: they may be the stand-in. */
static uint64_t take(uint64_t *word)
{
	uint64_t value = *word;

	if (value)
		*word = 0;
	return value;
}

void fibril_per_call_save(const struct fibril_per_call *state, struct fibril_per_call_saved *saved)
{
	if (state->accesses)
		saved->accesses[0] = take(state->accesses);
	else
		swift_task_exitThreadLocalContext((char *)saved->accesses);
	saved->values = take(state->values);
	saved->exceptions[0] = take(&state->exceptions[0]);
	saved->exceptions[1] = take(&state->exceptions[1]);
}

void fibril_per_call_restore(const struct fibril_per_call *state, struct fibril_per_call_saved *saved)
{
	if (!state->accesses)
		swift_task_enterThreadLocalContext((char *)saved->accesses);
	else if (saved->accesses[0])
		*state->accesses = saved->accesses[0];
	if (saved->values)
		*state->values = saved->values;
	for (int i = 0; i < 2; i++)
		if (saved->exceptions[i])
			state->exceptions[i] = saved->exceptions[i];
}
