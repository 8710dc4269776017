/* SPDX-License-Identifier: Apache-2.0 */
/* Saved contexts: changing from one stack to another, and laying out the first frame of a new one. */
#ifndef FIBRIL_CONTEXT_H
#define FIBRIL_CONTEXT_H

#include <stdint.h>
#include <string.h>

/*
 * Saves the callee-saved registers on the running stack and its stack pointer to *save_sp, and
 * continues what next_sp was saved from. Returns when something switches back.
 */
void fibril_context_switch(uint64_t *save_sp, uint64_t next_sp) __attribute__((visibility("hidden")));

extern void fibril_context_start(void) __attribute__((visibility("hidden")));

/*
 * Lays out the first frame on a stack that ends at stack_high (a multiple of 16) and returns the
 * stack pointer with which a switch calls body(argument). body must never return.
 */
static inline uint64_t fibril_context_prepare(uint64_t stack_high, void (*body)(void *), void *argument)
{
#if defined(__x86_64__)
	uint64_t words[7] = {(uint64_t)fibril_context_start, 0, 0, (uint64_t)argument, (uint64_t)body, 0, 0};
	/* The switch pops all seven words, which leaves the stack pointer at a multiple of 16. */
	uint64_t sp = stack_high - 16 - sizeof words;
#elif defined(__aarch64__)
	uint64_t words[20] = {0, (uint64_t)fibril_context_start, (uint64_t)body, (uint64_t)argument};
	uint64_t sp = stack_high - sizeof words;
#else
#error "Fibril has no context switch for this architecture"
#endif
	memcpy((void *)sp, words, sizeof words);
	return sp;
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
