/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling tools about stacks: AddressSanitizer and ThreadSanitizer, when the program is built with one,
 * and Valgrind, when it runs under it. Without them a switch costs nothing more; with them every switch
 * takes the way of those that carry something.
 */
#ifndef FIBRIL_TOOLS_H
#define FIBRIL_TOOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "fibril_table.h"

/* Is there a sanitizer? Known once a thread has called fibril_tools_look. */
extern uint8_t fibril_tools_on __attribute__((visibility("hidden")));

static inline bool fibril_tools_active(void)
{
	return __builtin_expect(fibril_tools_on, 0);
}

void fibril_tools_look(void) __attribute__((visibility("hidden")));

/* The rest does nothing without a tool. The calling thread becomes a task, whose idle context runs on [low, high). */
void fibril_tools_start_task(struct fibril_task_slot *slot, uint64_t idle_low, uint64_t idle_high)
	__attribute__((visibility("hidden")));
void fibril_tools_stop_task(void) __attribute__((visibility("hidden")));

/* fibril_context_switch to what the slot says that runs. */
void fibril_tools_switch(uint64_t *save_sp, uint64_t next_sp, uint64_t left, int *error)
	__attribute__((visibility("hidden")));

/* The first thing on a new stack. */
void fibril_tools_begin(void) __attribute__((visibility("hidden")));

/* A fibril has ended, and nothing runs on its stack any more. */
void fibril_tools_bury(uint64_t stack_high) __attribute__((visibility("hidden")));

/* [low, high) holds stacks no more. */
void fibril_tools_unmap(uint64_t low, uint64_t high) __attribute__((visibility("hidden")));

/* Memory that is meant to stay: no leak, although only mapped memory refers to it. */
void fibril_tools_keep(const void *object) __attribute__((visibility("hidden")));

/* Valgrind: [low, high) is a stack, until its number is given back. 0: not under Valgrind. */
uint64_t fibril_tools_register_stack(uint64_t low, uint64_t high) __attribute__((visibility("hidden")));
void fibril_tools_deregister_stack(uint64_t number) __attribute__((visibility("hidden")));

#endif
