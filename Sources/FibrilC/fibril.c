/* SPDX-License-Identifier: Apache-2.0 */
/* The layouts of fibril.h by which compiled programs and the library agree. */
#include "fibril.h"

_Static_assert(sizeof(struct fibril_task_options) == 64, "part of the binary interface");
_Static_assert(sizeof(struct fibril_event_counts) == 64, "part of the binary interface");
_Static_assert(sizeof(fibril_wake_target_t) == 24, "part of the binary interface");
_Static_assert(sizeof(fibril_t) == 32, "part of the binary interface");
_Static_assert(sizeof(struct fibril_call) == 64, "part of the binary interface");
_Static_assert(sizeof(struct fibril_completion) == 16, "part of the binary interface");
