/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stopping all threads of another process for a while.
 *
 * PTRACE_SEIZE and PTRACE_INTERRUPT send no signal, and what they interrupt the kernel restarts by its
 * own rules. A thread of this process owns the stopped ones: when it ends, by itself or because the
 * process is killed, the kernel detaches them and lets them go on.
 *
 * A thread may stop on its way into a signal instead. Its stop is looked at with WNOWAIT, never
 * taken: so the kernel keeps the signal for the thread, whatever becomes of us.
 */
#define _GNU_SOURCE
#include "process_stop.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAXIMUM_THREADS (1u << 16)
#define MAXIMUM_ROUNDS 64
/* What the kernel has as a call's result while it is interrupted, besides EINTR (linux/errno.h). */
#define RESTART_FIRST 512
#define RESTART_LAST 516

struct fibril_process_stop {
	pid_t pid;
	int timeout_ms, result;
	pthread_t tracer;
	sem_t stopped, thaw;
	uint64_t began, ended;
	struct fibril_stopped_thread *threads; /* by thread id up to `sorted` */
	size_t count, sorted, capacity;
};

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int by_tid(const void *first, const void *second)
{
	pid_t a = ((const struct fibril_stopped_thread *)first)->tid;
	pid_t b = ((const struct fibril_stopped_thread *)second)->tid;

	return a < b ? -1 : a > b;
}

/* Has it ended, so that nobody can attach to it any more? A main thread may be gone for long. */
static bool has_ended(pid_t pid, pid_t tid)
{
	char path[64], text[512], *end;

	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
	FILE *file = fopen(path, "re");
	if (!file)
		return true;
	size_t count = fread(text, 1, sizeof text - 1, file);
	fclose(file);
	text[count] = 0;
	end = strrchr(text, ')');
	return !end || end[1] == 0 || end[2] == 'Z' || end[2] == 'X';
}

static int add(struct fibril_process_stop *stop, pid_t tid)
{
	if (ptrace(PTRACE_SEIZE, tid, 0, 0) < 0) {
		int error = errno;
		return error == ESRCH || has_ended(stop->pid, tid) ? 0 : -error;
	}
	if (stop->count == stop->capacity) {
		size_t capacity = stop->capacity ? 2 * stop->capacity : 64;
		void *threads = realloc(stop->threads, capacity * sizeof *stop->threads);
		if (!threads || capacity > MAXIMUM_THREADS)
			return threads ? (stop->threads = threads, -EAGAIN) : -ENOMEM;
		stop->threads = threads;
		stop->capacity = capacity;
	}
	stop->threads[stop->count++] =
		(struct fibril_stopped_thread){.tid = tid, .state = FIBRIL_STOP_RUNNING, .call = -1};
	ptrace(PTRACE_INTERRUPT, tid, 0, 0);
	return 1;
}

/* Attaches to threads that are not known yet; returns how many there were, or -errno. */
static int add_new(struct fibril_process_stop *stop)
{
	char path[32];
	int found = 0;
	struct dirent *entry;

	snprintf(path, sizeof path, "/proc/%d/task", stop->pid);
	DIR *folder = opendir(path);
	if (!folder)
		return errno == ENOENT ? -ESRCH : -errno;
	while (found >= 0 && (entry = readdir(folder))) {
		struct fibril_stopped_thread key = {.tid = atoi(entry->d_name)};
		if (key.tid <= 0 || bsearch(&key, stop->threads, stop->sorted, sizeof key, by_tid))
			continue;
		int result = add(stop, key.tid);
		found = result < 0 ? result : found + result;
	}
	closedir(folder);
	if (stop->count > 0)
		qsort(stop->threads, stop->count, sizeof *stop->threads, by_tid);
	stop->sorted = stop->count;
	return found;
}

static void read_registers(struct fibril_stopped_thread *thread)
{
#if defined(__x86_64__)
	struct user_regs_struct words;
#elif defined(__aarch64__)
	struct user_pt_regs words;
#endif
	struct iovec range = {.iov_base = &words, .iov_len = sizeof words};

	/* A 32-bit thread gives less. */
	if (ptrace(PTRACE_GETREGSET, thread->tid, (void *)NT_PRSTATUS, &range) < 0 || range.iov_len != sizeof words) {
		thread->state = FIBRIL_STOP_RUNNING;
		return;
	}
#if defined(__x86_64__)
	const uint64_t values[] = {words.rax, words.rdx, words.rcx, words.rbx, words.rsi, words.rdi, words.rbp,
				   words.rsp, words.r8,	 words.r9,  words.r10, words.r11, words.r12, words.r13,
				   words.r14, words.r15};
	int64_t result = (int64_t)words.rax;
	long call = (long)words.orig_rax;

	thread->registers.pc = words.rip;
	memcpy(thread->registers.values, values, sizeof values);
#elif defined(__aarch64__)
	int64_t result = (int64_t)words.regs[0];
	long call = (long)words.regs[8];

	thread->registers.pc = words.pc;
	memcpy(thread->registers.values, words.regs, sizeof words.regs);
	thread->registers.values[31] = words.sp;
#endif
	/* The number of a call stays behind when the call is over. */
	if (call >= 0 && ((result <= -RESTART_FIRST && result >= -RESTART_LAST) || result == -EINTR))
		thread->call = call;
}

/* Has it stopped by now? */
static void look(struct fibril_stopped_thread *thread)
{
	siginfo_t event = {0};

	if (waitid(P_PID, (id_t)thread->tid, &event, WSTOPPED | WEXITED | WNOHANG | WNOWAIT | __WALL) < 0) {
		thread->state = FIBRIL_STOP_ENDED;
		return;
	}
	if (event.si_pid == 0)
		return;
	if (event.si_code == CLD_EXITED || event.si_code == CLD_KILLED || event.si_code == CLD_DUMPED) {
		/* Its parent gets to know of it only when its tracer has. */
		waitid(P_PID, (id_t)thread->tid, &event, WEXITED | WNOHANG | __WALL);
		thread->state = FIBRIL_STOP_ENDED;
		return;
	}
	thread->state = FIBRIL_STOP_STOPPED;
	int signal = event.si_status & 0xff;
	if (event.si_status >> 8 == PTRACE_EVENT_STOP)
		thread->in_group_stop = signal != SIGTRAP;
	else
		thread->signal = signal;
	read_registers(thread);
}

/* Waits until all have stopped or ended, or the time is over. */
static void await_stops(struct fibril_process_stop *stop, uint64_t deadline)
{
	struct timespec pause = {.tv_nsec = 20000};

	for (;;) {
		size_t running = 0;
		for (size_t i = 0; i < stop->count; i++) {
			if (stop->threads[i].state == FIBRIL_STOP_RUNNING)
				look(&stop->threads[i]);
			running += stop->threads[i].state == FIBRIL_STOP_RUNNING;
		}
		if (running == 0 || now() >= deadline)
			return;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 1000000)
			pause.tv_nsec *= 2;
	}
}

/* A thread that has not stopped may start another at any time; one that has cannot. */
static int stop_all(struct fibril_process_stop *stop)
{
	uint64_t deadline = now() + (uint64_t)stop->timeout_ms * 1000000u;

	for (int round = 0; round < MAXIMUM_ROUNDS; round++) {
		int found = add_new(stop);
		if (found < 0)
			return found;
		if (found == 0)
			return stop->count > 0 ? 0 : -ESRCH;
		await_stops(stop, deadline);
		if (now() >= deadline)
			return 0;
	}
	return -EAGAIN;
}

/*
 * Those that have not stopped by now are left to the end of this thread: they may be about to, with a
 * signal that we would not know of.
 */
static void let_go(struct fibril_process_stop *stop)
{
	for (size_t i = 0; i < stop->count; i++) {
		struct fibril_stopped_thread *thread = &stop->threads[i];
		if (thread->state == FIBRIL_STOP_STOPPED)
			ptrace(PTRACE_DETACH, thread->tid, 0, (void *)(uintptr_t)thread->signal);
	}
	stop->ended = now();
}

static void *trace(void *argument)
{
	struct fibril_process_stop *stop = argument;

	stop->began = now();
	stop->result = stop_all(stop);
	sem_post(&stop->stopped);
	while (stop->result == 0 && sem_wait(&stop->thaw) < 0)
		;
	let_go(stop);
	return NULL;
}

static void release(struct fibril_process_stop *stop)
{
	sem_destroy(&stop->stopped);
	sem_destroy(&stop->thaw);
	free(stop->threads);
	free(stop);
}

int fibril_stop_process(pid_t pid, int timeout_ms, struct fibril_process_stop **result)
{
	struct fibril_process_stop *stop = calloc(1, sizeof *stop);
	sigset_t all, before;

	if (!stop)
		return -ENOMEM;
	stop->pid = pid;
	stop->timeout_ms = timeout_ms;
	sem_init(&stop->stopped, 0, 0);
	sem_init(&stop->thaw, 0, 0);
	/* Signals are for the other threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&stop->tracer, NULL, trace, stop);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error) {
		release(stop);
		return -error;
	}
	while (sem_wait(&stop->stopped) < 0)
		;
	if (stop->result < 0) {
		error = stop->result;
		pthread_join(stop->tracer, NULL);
		release(stop);
		return error;
	}
	*result = stop;
	return 0;
}

size_t fibril_stopped_thread_count(const struct fibril_process_stop *stop)
{
	return stop->count;
}

const struct fibril_stopped_thread *fibril_stopped_thread_at(const struct fibril_process_stop *stop, size_t index)
{
	return &stop->threads[index];
}

uint64_t fibril_thaw_process(struct fibril_process_stop *stop)
{
	sem_post(&stop->thaw);
	pthread_join(stop->tracer, NULL);
	uint64_t duration = stop->ended - stop->began;
	release(stop);
	return duration;
}
