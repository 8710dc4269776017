/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping all threads of another process for a while, by ptrace. */
#ifndef FIBRIL_PROCESS_STOP_H
#define FIBRIL_PROCESS_STOP_H

#include "system_calls.h"

#include <stdbool.h>

enum fibril_stop_state {
	FIBRIL_STOP_RUNNING = 1, /* did not stop in time: it sleeps where the kernel lets nobody interrupt it */
	FIBRIL_STOP_STOPPED = 2,
	FIBRIL_STOP_ENDED = 3,
};

/* One thread of a stopped process. */
struct fibril_stopped_thread {
	pid_t tid;
	int state;  /* enum fibril_stop_state */
	int signal; /* that it was about to take; it takes it when it goes on */
	bool in_group_stop; /* it had been stopped by a signal before */
	long call;  /* of the system call that the stop interrupted, -1: none */
	struct fibril_thread_registers registers;
};

struct fibril_process_stop;

/*
 * Stops all threads of a process, new ones too, and waits for that, timeout_ms at most. The threads
 * belong to a tracer thread of this process: when that ends, however it does, the kernel lets all of
 * them go on. Returns 0 or -errno: -ESRCH, -EPERM, -EAGAIN (threads appear faster than they stop).
 */
int fibril_stop_process(pid_t pid, int timeout_ms, struct fibril_process_stop **stop);

size_t fibril_stopped_thread_count(const struct fibril_process_stop *stop);
const struct fibril_stopped_thread *fibril_stopped_thread_at(const struct fibril_process_stop *stop, size_t index);

/* Lets all threads go on and returns for how long the process was stopped, in ns. Frees the stop. */
uint64_t fibril_thaw_process(struct fibril_process_stop *stop);

#endif
