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
	dump_write(STDERR_FILENO, &place);
	if (__atomic_load_n(&process_goes_on, __ATOMIC_RELAXED))
		return;
	/* It comes again when this returns, so that exit status and core file are those of the signal. */
	int saved = errno;
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigaction(signal, &action, NULL);
	errno = saved;
	uint64_t self = (uint64_t)fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	uint64_t thread = (uint64_t)fibril_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0);
	fibril_system_call(SYS_tgkill, self, thread, (uint64_t)signal, 0, 0, 0);
}

int64_t fibril_dump_quit(bool goes_on)
{
	struct sigaction old;
	/* Tasks have a signal stack (overflow.c): a fibril's own may be nearly full. */
	struct sigaction action = {.sa_sigaction = on_quit, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};

	if (sigaction(SIGQUIT, NULL, &old) != 0)
		return -errno;
	bool is_ours = (old.sa_flags & SA_SIGINFO) && old.sa_sigaction == on_quit;
	bool is_free = !(old.sa_flags & SA_SIGINFO) && (old.sa_handler == SIG_DFL || old.sa_handler == SIG_IGN);
	if (!is_ours && !is_free)
		return -EBUSY;
	__atomic_store_n(&process_goes_on, goes_on, __ATOMIC_RELAXED);
	sigemptyset(&action.sa_mask);
	return is_ours || sigaction(SIGQUIT, &action, NULL) == 0 ? 0 : -errno;
}
