/* SPDX-License-Identifier: Apache-2.0 */
/* A message for the overflow of a fibril's stack, which ends the program. */
#ifndef FIBRIL_OVERFLOW_H
#define FIBRIL_OVERFLOW_H

#include "fibril_table.h"

/*
 * From here on an overflow in the calling thread, which the task lives in, names its fibril. The process
 * gets a handler for SIGSEGV, once, if it has none; the thread a signal stack, if it has none.
 */
void fibril_overflow_watch(struct fibril_task_slot *slot) __attribute__((visibility("hidden")));

/* Before the task ends. */
void fibril_overflow_unwatch(void) __attribute__((visibility("hidden")));

#endif
