/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tracer asks of the processor and the kernel that Swift cannot ask itself: system calls
 * without a C function, structures with bit fields, the time stamp counter.
 *
 * Functions that can fail return -errno.
 */
#ifndef FIBRIL_SYSTEM_CALLS_H
#define FIBRIL_SYSTEM_CALLS_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

/* The processor's time stamp counter; 0 where there is none that a process may read. */
static inline uint64_t fibril_time_stamp_counter(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

/* process_vm_readv of local_count and remote_count ranges, none of them above 1024. */
ssize_t fibril_read_process(pid_t pid, const struct iovec *local, size_t local_count, const struct iovec *remote,
			    size_t remote_count);

/* An open file without a name that holds these bytes. */
int fibril_memory_file(const uint8_t *bytes, size_t count);

/* A thread's user registers, by their DWARF numbers: 16 on x86-64, 32 on aarch64 (the last is sp). */
struct fibril_thread_registers {
	uint64_t pc;
	uint64_t values[32];
};

/*
 * Samples a thread that is on the CPU in user mode, without stopping it, by one perf cpu-clock
 * event. Copies at most stack_bytes from its stack pointer on and returns how many there were.
 * -EAGAIN: it did not run in user mode within the time; -EACCES or -EPERM: not allowed.
 */
ssize_t fibril_sample_thread(pid_t tid, int timeout_ms, struct fibril_thread_registers *registers, uint8_t *stack,
			     size_t stack_bytes);

/* The processors that a thread may run on. */
struct fibril_affinity {
	uint64_t processors[16];
};

/*
 * Moves the calling thread to one processor, where it gives way once, and says where it might run
 * before. 0, or -errno.
 */
int fibril_enter_processor(int processor, struct fibril_affinity *before);
void fibril_leave_processor(const struct fibril_affinity *before);

/* Each tries the real thing and undoes it. 0: works. */
int fibril_probe_bpf_program(void);   /* load a tracing program */
int fibril_probe_kernel_function(const char *name); /* look for it in the kernel's type information */
int fibril_probe_uprobe_multi(void);  /* one link for many probes */
int fibril_probe_io_uring(void);
int fibril_probe_guard_pages(void);   /* MADV_GUARD_INSTALL */
int fibril_probe_thread_sample(void); /* perf cpu-clock with user registers */

#endif
