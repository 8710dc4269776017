/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations for sanitizers and Valgrind. The sanitizers' functions are weak: they are there when the
 * program is linked with one, however this library was built. Nothing here may be instrumented itself:
 * the entry into a function would be noted on one stack, its end on another.
 */
#include "fibril_tools.h"

#include "fibril_context.h"

#include <stddef.h>

#define BARE __attribute__((disable_sanitizer_instrumentation))
#define WEAK __attribute__((weak))

void __sanitizer_start_switch_fiber(void **kept, const void *bottom, size_t size) WEAK;
void __sanitizer_finish_switch_fiber(void *kept, const void **bottom, size_t *size) WEAK;
void __asan_unpoison_memory_region(const volatile void *address, size_t size) WEAK;
void __lsan_ignore_object(const void *object) WEAK;
void *__tsan_get_current_fiber(void) WEAK;
void *__tsan_create_fiber(unsigned flags) WEAK;
void __tsan_destroy_fiber(void *fiber) WEAK;
void __tsan_switch_to_fiber(void *fiber, unsigned flags) WEAK;

uint8_t fibril_tools_on;

/* What ThreadSanitizer calls a fiber, of the thread's own stack and of the idle context. */
static __thread struct {
	struct fibril_task_slot *slot;
	uint64_t idle_low, idle_high;
	void *root, *idle;
} task __attribute__((tls_model("initial-exec")));

BARE void fibril_tools_look(void)
{
	if (__sanitizer_start_switch_fiber || __tsan_switch_to_fiber)
		__atomic_store_n(&fibril_tools_on, 1, __ATOMIC_RELAXED);
}

BARE void fibril_tools_start_task(struct fibril_task_slot *slot, uint64_t idle_low, uint64_t idle_high)
{
	task.slot = slot;
	task.idle_low = idle_low;
	task.idle_high = idle_high;
	if (__tsan_get_current_fiber) {
		task.root = __tsan_get_current_fiber();
		task.idle = __tsan_create_fiber(0);
	}
}

BARE void fibril_tools_stop_task(void)
{
	if (task.idle)
		__tsan_destroy_fiber(task.idle);
	task.idle = NULL;
}

/* A fibril's fiber stands in a word at the top of its stack that no frame uses (fibril_context_prepare). */
BARE static void **fiber_of(uint64_t stack_high)
{
	return (void **)(stack_high - 16);
}

BARE static void *next_fiber(const struct fibril_entry *next)
{
	if (!next)
		return task.idle;
	if (next->flags & FIBRIL_ENTRY_ROOT)
		return task.root;
	void **fiber = fiber_of(next->stack_high);
	if (!*fiber)
		*fiber = __tsan_create_fiber(0);
	return *fiber;
}

/* kept is where the stack that is left keeps what it needs later: NULL if it will not run again. */
BARE void fibril_tools_leave(void **kept) __attribute__((visibility("hidden")));
BARE void fibril_tools_leave(void **kept)
{
	const struct fibril_entry *next = (const struct fibril_entry *)task.slot->running_entry;
	uint64_t low = next ? next->stack_low : task.idle_low, high = next ? next->stack_high : task.idle_high;

	if (__sanitizer_start_switch_fiber)
		__sanitizer_start_switch_fiber(kept, (const void *)low, high - low);
	if (__tsan_switch_to_fiber)
		__tsan_switch_to_fiber(next_fiber(next), 0);
}

BARE static void arrive(void *kept)
{
	if (__sanitizer_finish_switch_fiber)
		__sanitizer_finish_switch_fiber(kept, NULL, NULL);
}

BARE void fibril_tools_begin(void)
{
	arrive(NULL);
}

BARE void fibril_tools_switch(uint64_t *save_sp, uint64_t next_sp, uint64_t left, int *error)
{
	void *kept = NULL;
	int value = *error;

	fibril_tools_leave(&kept);
	*error = value;
	fibril_context_switch(save_sp, next_sp, left, error);
	arrive(kept);
}

BARE void fibril_tools_bury(uint64_t stack_high)
{
	void **fiber = fiber_of(stack_high);

	if (*fiber)
		__tsan_destroy_fiber(*fiber);
	*fiber = NULL;
}

BARE void fibril_tools_unmap(uint64_t low, uint64_t high)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region((const void *)low, high - low);
}

BARE void fibril_tools_keep(const void *object)
{
	if (__lsan_ignore_object)
		__lsan_ignore_object(object);
}

#if defined(__x86_64__)
/*
 * Valgrind's client request, from its manual for tools: four rotations that together change nothing, and
 * an exchange of a register with itself. On a processor that is all; Valgrind takes it for a call with
 * the words that rax points to, and puts the answer into rdx.
 */
BARE static uint64_t ask_valgrind(uint64_t request, uint64_t first, uint64_t second)
{
	volatile uint64_t words[6] = {request, first, second};
	uint64_t answer = 0;

	__asm__ volatile("rolq $3, %%rdi\n\t"
			 "rolq $13, %%rdi\n\t"
			 "rolq $61, %%rdi\n\t"
			 "rolq $51, %%rdi\n\t"
			 "xchgq %%rbx, %%rbx"
			 : "+d"(answer)
			 : "a"(words)
			 : "cc", "memory");
	return answer;
}
#else
BARE static uint64_t ask_valgrind(uint64_t request, uint64_t first, uint64_t second)
{
	(void)request, (void)first, (void)second;
	return 0;
}
#endif

enum { RUNNING_ON_VALGRIND = 0x1001, STACK_REGISTER = 0x1501, STACK_DEREGISTER = 0x1502 };

BARE uint64_t fibril_tools_register_stack(uint64_t low, uint64_t high)
{
	/* Its numbers count from 1 here: it calls its first one 0. */
	return ask_valgrind(RUNNING_ON_VALGRIND, 0, 0) ? ask_valgrind(STACK_REGISTER, low, high - 1) + 1 : 0;
}

BARE void fibril_tools_deregister_stack(uint64_t number)
{
	ask_valgrind(STACK_DEREGISTER, number - 1, 0);
}
