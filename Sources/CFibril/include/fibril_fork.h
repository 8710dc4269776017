/* SPDX-License-Identifier: Apache-2.0 */
/* What a forked child keeps of the tables that all tasks share. */
#ifndef FIBRIL_FORK_H
#define FIBRIL_FORK_H

#include <stdint.h>

#include "fibril_table.h"

/* In the child, whose only thread was forking_thread in the parent. What it waits for of other tasks ends. */
void fibril_fork_keep_own_task(struct fibril_task_slot *slots, uint32_t count, uint32_t forking_thread)
	__attribute__((visibility("hidden")));

#endif
