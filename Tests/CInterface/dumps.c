/* SPDX-License-Identifier: Apache-2.0 */
/* fibril_dump and fibril_dump_on_quit: what they write from wherever they are called. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char text[1 << 18];

/* The file's contents, as a string. */
static void read_back(int file)
{
	ssize_t bytes = pread(file, text, sizeof text - 1, 0);

	EXPECT(bytes > 0, true);
	text[bytes] = 0;
}

static int temporary_file(void)
{
	char name[] = "/tmp/fibril-dump-XXXXXX";
	int file = mkstemp(name);

	EXPECT(file >= 0, true);
	unlink(name);
	return file;
}

static void dump(void)
{
	int file = temporary_file();

	errno = 12345;
	EXPECT(fibril_dump(file), 0);
	EXPECT(errno, 12345);
	read_back(file);
	close(file);
	EXPECT(strncmp(text, "sysrq: Show State of ", 21), 0);
}

/* How often a text is in the dump. */
static int count(const char *wanted)
{
	int found = 0;

	for (const char *at = text; (at = strstr(at, wanted)); at += strlen(wanted))
		found++;
	return found;
}

static void dump_in_fibril(void *argument)
{
	dump();
	EXPECT(count("fibril:dumper "), 1);
	EXPECT(count(" running fibril\n"), 1);
	*(bool *)argument = true;
}

static const char in_kernel[] = "running fibril, but its thread is in the kernel: futex(";

/* Until the task's thread waits for this one. */
static void *dump_in_thread(void *argument)
{
	do
		dump();
	while (count(in_kernel) == 0);
	return argument;
}

static void park(void *argument)
{
	(void)argument;
	fibril_block(0);
}

static void from_everywhere(void)
{
	bool done = false;
	fibril_t parked;
	pthread_t thread;
	int status;

	dump();
	EXPECT(count("]: no thread has become a task yet\n"), 1);
	EXPECT(fibril_task_create(&options), 0);
	EXPECT(fibril_spawn("parked", 0, park, NULL, &parked), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(fibril_spawn("dumper", 0, dump_in_fibril, &done, NULL), 0);
	EXPECT(fibril_yield(), 0);
	EXPECT(done, true);
	EXPECT(count("to be woken\nCall Trace:\n <FIBRIL>\n 0x"), 1);
	EXPECT(count("]: 3 fibrils in 1 task (1 running, 1 runnable, 1 blocked), Fibril "), 1);

	EXPECT(pthread_create(&thread, NULL, dump_in_thread, NULL), 0);
	EXPECT(pthread_join(thread, NULL), 0);
	EXPECT(count("fibril:parked "), 1);
	EXPECT(count(in_kernel), 1);

	pid_t child = fork();
	EXPECT(child >= 0, true);
	if (child == 0) {
		dump();
		EXPECT(count("fibril:parked "), 1);
		_exit(0);
	}
	EXPECT(waitpid(child, &status, 0), child);
	EXPECT(status, 0);
	EXPECT(fibril_dump(-1), -EBADF);
	EXPECT(fibril_wake(parked.target), 0);
	EXPECT(fibril_join(parked, soon()), 0);
	EXPECT(fibril_task_destroy(), 0);
}

/* A reader that has gone costs the dump and nothing else. */
static void into_a_closed_pipe(void)
{
	int ends[2];

	EXPECT(pipe(ends), 0);
	close(ends[0]);
	EXPECT(fibril_dump(ends[1]), -EPIPE);
	close(ends[1]);
}

static void quit_in_fibril(void *argument)
{
	errno = 12345;
	EXPECT(raise(SIGQUIT), 0);
	EXPECT(errno, 12345);
	*(bool *)argument = true;
}

/* In a child, whose standard error is the file; returns how it ended. */
static int quit(bool goes_on, int file)
{
	int status;
	pid_t child = fork();

	EXPECT(child >= 0, true);
	if (child == 0) {
		bool done = false;
		dup2(file, STDERR_FILENO);
		fibril_dump_on_quit(!goes_on);
		fibril_dump_on_quit(goes_on);
		EXPECT(fibril_task_create(&options), 0);
		EXPECT(fibril_spawn("quits", 0, quit_in_fibril, &done, NULL), 0);
		EXPECT(fibril_task_destroy(), 0);
		_exit(done ? 7 : 1);
	}
	EXPECT(waitpid(child, &status, 0), child);
	read_back(file);
	close(file);
	EXPECT(count("sysrq: Show State of "), 1);
	EXPECT(count("fibril:quits "), 1);
	EXPECT(count(" (interrupted here)\n"), 1);
	return status;
}

void test_dumps(void)
{
	from_everywhere();
	into_a_closed_pipe();
	int status = quit(true, temporary_file());
	EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 7, true);
	status = quit(false, temporary_file());
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGQUIT, true);
}
