/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupts a helper's system call by a signal, at whatever moment it comes, and takes idle helpers to sleep. */
#define _GNU_SOURCE
#include "fibril_helper.h"
#include "fibril_calls.h"
#include "fibril_thread.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* So often a helper yields before it gives up a signal that was sent to it. */
enum { MOST_LOOKS = 100000 };

extern const char fibril_helper_call_test[] __attribute__((visibility("hidden")));
extern const char fibril_helper_call_done[] __attribute__((visibility("hidden")));
extern const char fibril_helper_call_interrupted[] __attribute__((visibility("hidden")));

/* initial-exec: a signal handler must not be the one that allocates thread-local memory. */
static __thread struct fibril_helper *this_helper __attribute__((tls_model("initial-exec")));

void fibril_helper_begin(struct fibril_helper *helper)
{
	this_helper = helper;
	helper->thread = fibril_thread_id();
	fibril_thread_set_name("fibril-helper");
}

void fibril_helper_end(void)
{
	this_helper = NULL;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

size_t fibril_helper_stack(void)
{
	/* A helper only makes system calls; the rest is for a signal's frame, 11 KB with all registers. */
	enum { OWN_BYTES = 64 * 1024 };
	/* What the C library takes from a stack itself: thread-local memory, of which a program may have much. */
	size_t (*least)(const pthread_attr_t *) =
		(size_t(*)(const pthread_attr_t *))dlsym(RTLD_DEFAULT, "__pthread_get_minstack");
	pthread_attr_t attributes;
	size_t bytes = 0;

	if (least && pthread_attr_init(&attributes) == 0) {
		bytes = least(&attributes);
		pthread_attr_destroy(&attributes);
	}
	return OWN_BYTES + bytes;
}

#if defined(__x86_64__)
#define PROGRAM_COUNTER(context) ((context)->uc_mcontext.gregs[REG_RIP])
#elif defined(__aarch64__)
#define PROGRAM_COUNTER(context) ((context)->uc_mcontext.pc)
#endif

/* Only our own tgkill counts: a stranger's signal would be taken for one that is still under way. */
static void handle(int signal, siginfo_t *information, void *argument)
{
	struct fibril_helper *helper = this_helper;
	ucontext_t *context = argument;

	(void)signal;
	if (!helper || !(__atomic_load_n(&helper->current, __ATOMIC_ACQUIRE) & 1) || information->si_code != SI_TKILL ||
	    information->si_pid != fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0))
		return;
	uint64_t pc = (uint64_t)PROGRAM_COUNTER(context);
	if (pc >= (uint64_t)fibril_helper_call_test && pc < (uint64_t)fibril_helper_call_done)
		PROGRAM_COUNTER(context) = (__typeof__(PROGRAM_COUNTER(context)))fibril_helper_call_interrupted;
	fibril_atomic_store32(&helper->arrived, 1);
}

/*
 * The signal's disposition as the kernel has it. By the bare system call, since a sanitizer would hand the
 * handler a copy of the context, and later: then the program counter could not be moved.
 */
struct kernel_action {
	void *handler;
	unsigned long flags;
	void (*restorer)(void); /* only x86-64 wants one, but AArch64 has the field as well */
	uint64_t mask;
};
_Static_assert(sizeof(struct kernel_action) == 32, "the kernel writes as much");

#if defined(__x86_64__)
void fibril_signal_return(void) __attribute__((visibility("hidden")));
enum { SA_RESTORER_FLAG = 0x04000000 };
#endif

static int64_t set_action(int signal, const struct kernel_action *new, struct kernel_action *old)
{
	return fibril_system_call(SYS_rt_sigaction, (uint64_t)signal, (uint64_t)new, (uint64_t)old, sizeof new->mask, 0, 0);
}

static int prepare_locked(int signal, bool only_look)
{
	struct kernel_action old, new = {.handler = (void *)handle, .flags = SA_SIGINFO | SA_ONSTACK};
	int64_t result = set_action(signal, NULL, &old);

	if (result < 0)
		return (int)-result;
	if (old.handler == (void *)handle)
		return 0;
	if (old.handler != (void *)SIG_DFL)
		return EBUSY;
	if (only_look)
		return 0;
#if defined(__x86_64__)
	new.flags |= SA_RESTORER_FLAG;
	new.restorer = fibril_signal_return;
#endif
	return (int)-set_action(signal, &new, NULL);
}

int fibril_interrupt_prepare(int signal, bool only_look)
{
	fibril_registry_lock();
	int error = prepare_locked(signal, only_look);
	fibril_registry_unlock();
	return error;
}

int fibril_helper_interrupt(struct fibril_helper *helper, uint64_t entry, int signal)
{
	uint64_t expected = entry;

	if (!__atomic_compare_exchange_n(&helper->current, &expected, entry | 1, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_RELAXED))
		return 0;
	int64_t result = fibril_system_call(SYS_tgkill, (uint64_t)getpid(), helper->thread, (uint64_t)signal, 0, 0, 0);
	if (result == 0)
		return 1;
	/* As if nothing had been. The helper waits until its call is unmarked or the signal is there. */
	__atomic_store_n(&helper->current, entry, __ATOMIC_SEQ_CST);
	return (int)result;
}

void fibril_helper_end_call(struct fibril_helper *helper)
{
	/* The signal is on its way, unless the call has read it from a signalfd that asks for everything. */
	for (int looks = 0;; looks++) {
		uint64_t current = __atomic_load_n(&helper->current, __ATOMIC_ACQUIRE);
		if (!(current & 1)) {
			if (__atomic_compare_exchange_n(&helper->current, &current, 0, false, __ATOMIC_SEQ_CST,
							__ATOMIC_RELAXED))
				return;
		} else if (fibril_atomic_load32(&helper->arrived) || looks == MOST_LOOKS) {
			/* The mark stays until here, for the handler looks at it. */
			fibril_atomic_store32(&helper->arrived, 0);
			__atomic_store_n(&helper->current, 0, __ATOMIC_SEQ_CST);
			return;
		} else {
			fibril_system_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
		}
	}
}

void fibril_helper_pass_on(int64_t result, uint32_t thread)
{
	int signal = result == -EPIPE ? SIGPIPE : SIGXFSZ;
	uint64_t set = 1ull << (signal - 1);
	struct timespec none = {0};

	if (result != -EPIPE && result != -EFBIG)
		return;
	if (fibril_system_call(SYS_rt_sigtimedwait, (uint64_t)&set, 0, (uint64_t)&none, sizeof set, 0, 0) == signal && thread)
		fibril_system_call(SYS_tgkill, (uint64_t)getpid(), thread, (uint64_t)signal, 0, 0, 0);
}

/* What an idle helper does. */
static void pause_processor(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

bool fibril_helper_sleep(struct fibril_helper *helper, uint32_t looks, uint64_t nanoseconds)
{
	struct timespec time = {(time_t)(nanoseconds / 1000000000), (long)(nanoseconds % 1000000000)};
	uint32_t expected = FIBRIL_HELPER_LOOKING;

	for (; looks > 0; looks--) {
		if (fibril_atomic_load32(&helper->state) == FIBRIL_HELPER_WOKEN)
			return true;
		pause_processor();
	}
	if (!__atomic_compare_exchange_n(&helper->state, &expected, FIBRIL_HELPER_ASLEEP, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_ACQUIRE))
		return true;
	while (fibril_atomic_load32(&helper->state) == FIBRIL_HELPER_ASLEEP) {
		int64_t result = fibril_system_call(SYS_futex, (uint64_t)&helper->state, FUTEX_WAIT_PRIVATE,
						    FIBRIL_HELPER_ASLEEP, (uint64_t)&time, 0, 0);
		if (result == -ETIMEDOUT)
			return fibril_atomic_load32(&helper->state) == FIBRIL_HELPER_WOKEN;
	}
	return true;
}

void fibril_helper_wake(struct fibril_helper *helper)
{
	if (fibril_atomic_exchange32(&helper->state, FIBRIL_HELPER_WOKEN) == FIBRIL_HELPER_ASLEEP)
		fibril_system_call(SYS_futex, (uint64_t)&helper->state, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}
