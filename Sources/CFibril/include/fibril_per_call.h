/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Per-call state that lies in the thread and belongs to the fibril: errno, how floating-point
 * arithmetic rounds, Swift's set of open accesses and its task-local values, the C++ exceptions being
 * handled. A switch costs a few loads and compares while the last three are empty, as they nearly
 * always are.
 */
#ifndef FIBRIL_PER_CALL_H
#define FIBRIL_PER_CALL_H

#include <stdbool.h>
#include <stdint.h>

/* Where the thread of a task has it. */
#pragma clang assume_nonnull begin

struct fibril_per_call {
	uint64_t *watched;      /* not zero: there is something to carry */
	uint64_t *values;       /* Swift's task-local values outside a Swift task */
	uint64_t *exceptions;   /* the two words of C++'s: exceptions being handled, number of those in flight */
	int *error;             /* errno */
	uint64_t float_control; /* the thread's when it became a task: what each fibril starts with */
	uint64_t *_Nullable accesses; /* Swift's list; NULL: where it lies can not be told, the library's calls carry it */
};

/* A fibril's, while another one runs. Zeroed before the save. */
struct fibril_per_call_saved {
	uint64_t accesses[2];
	uint64_t values;
	uint64_t exceptions[2];
};

/* Where errno of the calling thread lies: set by the first fibril_per_call_find. */
extern __thread int *fibril_thread_error __attribute__((tls_model("initial-exec"), visibility("hidden")));

/*
 * For the calling thread, which must have no Swift access open. shares_accesses: leave Swift's list alone
 * on switches, so that it finds conflicts between fibrils.
 */
struct fibril_per_call fibril_per_call_find(bool shares_accesses) __attribute__((visibility("hidden")));

/* Where the list of task-local values is that `values` stands for; NULL: the program has none, or it can not be told. */
uint64_t *_Nullable fibril_task_local_values(void) __attribute__((visibility("hidden")));

static inline bool fibril_per_call_is_empty(const struct fibril_per_call *state)
{
	return __builtin_expect((*state->watched | *state->values | state->exceptions[0] | state->exceptions[1]) == 0, 1);
}

/* Open accesses, values and exceptions: takes the running fibril's out of the thread, and puts them back. */
void fibril_per_call_save(const struct fibril_per_call *state, struct fibril_per_call_saved *saved)
	__attribute__((visibility("hidden")));
void fibril_per_call_restore(const struct fibril_per_call *state, struct fibril_per_call_saved *saved)
	__attribute__((visibility("hidden")));

/*
 * How floating-point arithmetic rounds and traps, which a function leaves as it found it: MXCSR (its
 * sticky flags not counted) and the x87 control word, or FPCR.
 */
static inline uint64_t fibril_float_control(void)
{
#if defined(__x86_64__)
	uint32_t mxcsr;
	uint16_t x87;
	__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
	__asm__ volatile("fnstcw %0" : "=m"(x87));
	return (uint64_t)x87 << 32 | (mxcsr & ~0x3fu);
#elif defined(__aarch64__)
	uint64_t fpcr;
	__asm__ volatile("mrs %0, fpcr" : "=r"(fpcr));
	return fpcr;
#endif
}

#pragma clang assume_nonnull end

static inline void fibril_float_control_set(uint64_t control)
{
#if defined(__x86_64__)
	uint32_t mxcsr = (uint32_t)control;
	uint16_t x87 = (uint16_t)(control >> 32);
	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	__asm__ volatile("fldcw %0" : : "m"(x87));
#elif defined(__aarch64__)
	__asm__ volatile("msr fpcr, %0" : : "r"(control));
#endif
}

#endif
