/* Forks, signals on an alternate stack, a filter of system calls: what goes on in real programs beside their work. */
#define _GNU_SOURCE
#include "disturbances.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool forks, signals, has_seccomp, executes;
static volatile bool is_over;
static const pthread_t *disturbed;
static int disturbed_count;
static uint64_t disturbances;
static pthread_t disturber;

/* Whatever is not needed here ends the process. A uprobe on a longer nop makes a system call, number 336. */
static void forbid_system_calls(void)
{
	static const int allowed[] = {
		SYS_read, SYS_write, SYS_openat, SYS_close, SYS_fstat, SYS_newfstatat, SYS_mmap, SYS_munmap, SYS_mprotect,
		SYS_madvise, SYS_mremap, SYS_brk, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_sigaltstack,
		SYS_clone, SYS_clone3, SYS_futex, SYS_set_robust_list, SYS_rseq, SYS_gettid, SYS_getpid, SYS_exit,
		SYS_exit_group, SYS_memfd_create, SYS_ftruncate, SYS_pwrite64, SYS_prlimit64, SYS_sched_getaffinity,
		SYS_clock_gettime, SYS_clock_nanosleep, SYS_getrandom, SYS_restart_syscall, SYS_tgkill,
	};
	enum { COUNT = sizeof allowed / sizeof *allowed };
	struct sock_filter filter[COUNT + 3];

	filter[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (int i = 0; i < COUNT; i++)
		filter[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)allowed[i],
							     (uint8_t)(COUNT - i), 0);
	filter[COUNT + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	filter[COUNT + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog program = {COUNT + 3, filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
		abort();
}

/* Uses registers of all kinds, on a stack of its own. */
static void on_signal(int signal)
{
	volatile double number = sqrt((double)signal + (double)disturbances);

	__atomic_fetch_add(&disturbances, number > 0, __ATOMIC_RELAXED);
}

static void make_child(int way)
{
	char *arguments[] = {(char *)"true", NULL};
	pid_t child = 0;

	if (way == 0 && (child = fork()) == 0)
		_exit(0);
	if (way == 1 && (child = vfork()) == 0) {
		execv("/bin/true", arguments);
		_exit(1);
	}
	if (way == 2 && posix_spawn(&child, "/bin/true", NULL, NULL, arguments, NULL) != 0)
		abort();
	int status = -1;
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
		abort();
	__atomic_fetch_add(&disturbances, 1, __ATOMIC_RELAXED);
}

static void *keep_disturbing(void *ignored)
{
	for (int i = 0; !is_over; i++) {
		if (forks)
			make_child(i % 3);
		for (int k = 0; signals && k < disturbed_count; k++)
			pthread_kill(disturbed[k], SIGUSR1);
		usleep(500);
	}
	return ignored;
}

void disturbances_begin(int count, char **arguments)
{
	for (int i = 1; i < count; i++) {
		forks |= !strcmp(arguments[i], "forks");
		signals |= !strcmp(arguments[i], "signals");
		has_seccomp |= !strcmp(arguments[i], "seccomp");
		executes |= !strcmp(arguments[i], "exec");
	}
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	action.sa_flags = SA_ONSTACK | SA_RESTART;
	sigaction(SIGUSR1, &action, NULL);
	/* Whoever starts this may have it blocked. */
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	if (has_seccomp)
		forbid_system_calls();
}

void disturbances_reach_this_thread(void)
{
	stack_t stack = {.ss_size = 64 * 1024};

	stack.ss_sp = malloc(stack.ss_size); /* for the life of the program */
	if (!stack.ss_sp || sigaltstack(&stack, NULL) != 0)
		abort();
}

void disturb(const pthread_t *threads, int count)
{
	disturbed = threads;
	disturbed_count = count;
	if ((forks || signals) && pthread_create(&disturber, NULL, keep_disturbing, NULL) != 0)
		abort();
}

uint64_t disturbances_end(void)
{
	is_over = true;
	if (forks || signals)
		pthread_join(disturber, NULL);
	return disturbances;
}

void become_another_program(char **arguments)
{
	if (executes)
		execl("/proc/self/exe", arguments[0], (char *)NULL);
}
