/* SPDX-License-Identifier: Apache-2.0 */
/* Checks the layouts of the contracts once, in C, whoever else includes them. */
#include "fibril_event.h"
#include "fibril_precise.h"
#include "fibril_ring.h"
#include "fibril_table.h"
