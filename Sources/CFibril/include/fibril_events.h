/* SPDX-License-Identifier: Apache-2.0 */
/* The probes of this runtime, which shows the fibril table. */
#ifndef FIBRIL_EVENTS_H
#define FIBRIL_EVENTS_H

#define FIBRIL_PROBES_TABLE
#include <fibril_probes.h>

#endif
