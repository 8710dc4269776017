/* SPDX-License-Identifier: Apache-2.0 */
/* The dump that a process writes of itself, in the layout of `fibril dump`. */
#ifndef FIBRIL_DUMP_H
#define FIBRIL_DUMP_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Writes what every fibril of the process does to a descriptor: async-signal-safe, without a lock, without
 * memory of the C library, with less than 2 KiB of stack. The calling thread's own stack begins with the caller.
 * Returns 0 or -errno of the first write that failed.
 */
int64_t fibril_dump_here(int descriptor) __attribute__((visibility("hidden")));

/*
 * From here on SIGQUIT writes a dump to standard error. Then the process goes on, or ends as SIGQUIT ends one
 * that does not handle it. Another handler goes: it may well be that of Swift's own crash reporter. Asked
 * again, the last word counts.
 */
void fibril_dump_quit(bool goes_on) __attribute__((visibility("hidden")));

#endif
