/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a process that waits, and descriptors for its end and for signals. */
#ifndef FIBRIL_PROCESS_CONTROL_H
#define FIBRIL_PROCESS_CONTROL_H

#include <signal.h>
#include <sys/types.h>

/*
 * Starts a process that waits, before it becomes the command, for a byte from the pipe `gate` and
 * exits if none can come any more. It gets the signal mask `mask`. If the command cannot be executed
 * its errno is written to `report`, as an int. Returns the process, or -errno.
 */
pid_t fibril_start_held(const char *path, char *const arguments[], char *const environment[], const int gate[2],
			int report, const sigset_t *mask);

/* A descriptor that becomes readable when the process ends, or -errno. */
int fibril_process_descriptor(pid_t process);

/* A descriptor that yields blocked signals of `mask`, or -errno. */
int fibril_signal_descriptor(const sigset_t *mask);

#endif
