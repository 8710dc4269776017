/* SPDX-License-Identifier: Apache-2.0 */
/* Saved contexts: changing from one stack to another, and laying out the first frame of a new one. */
#ifndef FIBRIL_CONTEXT_H
#define FIBRIL_CONTEXT_H

#include <stdint.h>
#include <string.h>

#include "fibril_table.h"

/*
 * Saves the callee-saved registers on the running stack, with errno, whose address is error, and how floating-point arithmetic
 * rounds and traps, and its stack pointer to *save_sp; continues what next_sp was saved from, to which
 * left is handed over: the entry of the fibril that is left, or what stands for one. Returns when
 * something switches back, with the other one noted as left.
 */
void fibril_context_switch(uint64_t *save_sp, uint64_t next_sp, uint64_t left, int *error)
	__attribute__((visibility("hidden")));

extern void fibril_context_start(void) __attribute__((visibility("hidden")));

/* Where a fibril that has ended goes on. */
struct fibril_departure {
	uint64_t next_sp;
	uint64_t float_control;
};

/* What a new stack runs: left and float_control come from the switch to it. */
typedef struct fibril_departure fibril_context_body(void *argument, uint64_t left, uint64_t float_control);

/*
 * Lays out the first frame on a stack that ends at stack_high (a multiple of 16) and returns the
 * stack pointer with which a switch calls body. No frame uses the topmost 16 bytes. The argument is what others get as left when it returns.
 */
static inline uint64_t fibril_context_prepare(uint64_t stack_high, fibril_context_body *body, void *argument)
{
#if defined(__x86_64__)
	uint64_t words[7] = {(uint64_t)fibril_context_start, 0, 0, (uint64_t)argument, (uint64_t)body, 0, 0};
	/* The switch pops all seven words, which leaves the stack pointer at a multiple of 16. */
	uint64_t sp = stack_high - 16 - sizeof words;
#elif defined(__aarch64__)
	uint64_t words[20] = {0, (uint64_t)fibril_context_start, (uint64_t)body, (uint64_t)argument};
	uint64_t sp = stack_high - 16 - sizeof words;
#else
#error "Fibril has no context switch for this architecture"
#endif
	memcpy((void *)sp, words, sizeof words);
	return sp;
}

/* What is to be done with a fibril that has ended, once nothing runs on its stack any more. */
extern void (*fibril_bury)(struct fibril_entry *entry) __attribute__((visibility("hidden")));

static inline void fibril_bury_set(void (*bury)(struct fibril_entry *entry))
{
	__atomic_store_n(&fibril_bury, bury, __ATOMIC_RELAXED);
}

/* What the assembly takes for granted. */
FIBRIL_OFFSET(fibril_entry, sequence, 0);
FIBRIL_OFFSET(fibril_entry, state, 4);
FIBRIL_STATIC_ASSERT(FIBRIL_STATE_DEAD == 4, "the state of ended fibrils is wired into the switch");

/*
 * The first thing on every stack after a switch: the fibril that was left has a saved context now, or
 * has ended.
 */
static inline void fibril_note_left(uint64_t left)
{
	struct fibril_entry *entry = (struct fibril_entry *)left;

	__atomic_thread_fence(__ATOMIC_RELEASE);
	entry->sequence++;
	if (__builtin_expect(entry->state == FIBRIL_STATE_DEAD, 0))
		fibril_bury(entry);
}

/* Which layout the words at a saved stack pointer have: enum fibril_context of fibril_table.h. */
static inline uint32_t fibril_context_kind(void)
{
#if defined(__x86_64__)
	return 1;
#else
	return 2;
#endif
}

#endif
