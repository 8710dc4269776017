/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting processes, descriptors for their ends, for signals, and for threads that wake each other, and how much
 * memory this process keeps.
 */
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

/*
 * Starts this program once more. What it writes to standard output and standard error can be read from the two
 * `ends`. Returns the process, or -errno.
 */
pid_t fibril_start_again(char *const arguments[], char *const environment[], int ends[2]);

/* Gives memory that has been freed back to the kernel, at once where it is large. Comes before other threads begin. */
void fibril_keep_little_memory(void);

/* A descriptor that becomes readable when 8 bytes, a number above 0, are written to it, or -errno. */
int fibril_event_descriptor(void);

/* A descriptor that becomes readable when the process ends, or -errno. */
int fibril_process_descriptor(pid_t process);

/* A descriptor that yields blocked signals of `mask`, or -errno. */
int fibril_signal_descriptor(const sigset_t *mask);

#endif
