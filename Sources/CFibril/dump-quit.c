/* SPDX-License-Identifier: Apache-2.0 */
/* A dump at SIGQUIT, which `kill -QUIT` and Ctrl-\ send. */
#define _GNU_SOURCE
#include "dump.h"
#include "fibril_dump.h"

#include <errno.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

static uint32_t process_goes_on;
/* The process, which may be a forked child, that writes a dump for a signal at the moment. */
static uint32_t writing;

static void on_quit(int signal, siginfo_t *information, void *argument)
{
	const ucontext_t *context = argument;
#if defined(__x86_64__)
	struct dump_place place = {.pc = (uint64_t)context->uc_mcontext.gregs[REG_RIP],
				   .stack_pointer = (uint64_t)context->uc_mcontext.gregs[REG_RSP],
				   .frame_pointer = (uint64_t)context->uc_mcontext.gregs[REG_RBP],
				   .is_exact = true};
#else
	struct dump_place place = {.pc = context->uc_mcontext.pc,
				   .stack_pointer = context->uc_mcontext.sp,
				   .frame_pointer = context->uc_mcontext.regs[29],
				   .is_exact = true};
#endif

	(void)information;
	uint32_t self = (uint32_t)fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	/* What comes to another thread meanwhile asks for the same dump. */
	if (__atomic_exchange_n(&writing, self, __ATOMIC_ACQUIRE) == self)
		return;
	dump_write(STDERR_FILENO, &place);
	__atomic_store_n(&writing, 0, __ATOMIC_RELEASE);
	if (__atomic_load_n(&process_goes_on, __ATOMIC_RELAXED))
		return;
	/* It comes again when this returns, so that exit status and core file are those of the signal. */
	int saved = errno;
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigaction(signal, &action, NULL);
	errno = saved;
	uint64_t thread = (uint64_t)fibril_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
	fibril_system_call(SYS_tgkill, self, thread, (uint64_t)signal, 0, 0, 0);
}

void fibril_dump_quit(bool goes_on)
{
	/* Tasks have a signal stack (overflow.c): a fibril's own may be nearly full. */
	struct sigaction action = {.sa_sigaction = on_quit, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	__atomic_store_n(&process_goes_on, goes_on, __ATOMIC_RELAXED);
	sigemptyset(&action.sa_mask);
	sigaction(SIGQUIT, &action, NULL);
}
