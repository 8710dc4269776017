/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting processes, descriptors for their ends, for signals, and for threads that wake each other, and how much
 * memory this process keeps.
 */
#define _GNU_SOURCE
#include "process_control.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t fibril_start_held(const char *path, char *const arguments[], char *const environment[], const int gate[2],
			int report, const sigset_t *mask)
{
	pid_t child = fork();

	if (child)
		return child < 0 ? -errno : child;
	/* The tracer ignores SIGPIPE, and an ignored signal stays ignored across execve. */
	signal(SIGPIPE, SIG_DFL);
	sigprocmask(SIG_SETMASK, mask, NULL);

	/* While this process holds the writing end itself, the pipe has no end to be noticed. */
	close(gate[1]);
	char byte;
	ssize_t count;
	do
		count = read(gate[0], &byte, 1);
	while (count < 0 && errno == EINTR);
	if (count != 1)
		_exit(127);
	execve(path, arguments, environment);

	int cause = errno;
	if (write(report, &cause, sizeof cause) != sizeof cause)
		_exit(126);
	_exit(127);
}

static int spawn_again(char *const arguments[], char *const environment[], int output, int errors, pid_t *child)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t set;
	int error = posix_spawn_file_actions_init(&files);

	if (error)
		return error;
	error = posix_spawnattr_init(&attributes);
	if (error)
		goto out_files;
	/* Nothing is held back or ignored there. */
	sigemptyset(&set);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGPIPE);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	error = posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, output, 1);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&files, errors, 2);
	/* Not everybody who opens something here thinks of a child: the HTTP server's sockets would go on in it. */
	if (!error)
		error = posix_spawn_file_actions_addclosefrom_np(&files, 3);
	if (!error)
		error = posix_spawn(child, "/proc/self/exe", &files, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
out_files:
	posix_spawn_file_actions_destroy(&files);
	return error;
}

pid_t fibril_start_again(char *const arguments[], char *const environment[], int ends[2])
{
	int output[2], errors[2], error;
	pid_t child = 0;

	if (pipe2(output, O_CLOEXEC))
		return -errno;
	if (pipe2(errors, O_CLOEXEC)) {
		error = errno;
		close(output[0]);
		close(output[1]);
		return -error;
	}
	error = spawn_again(arguments, environment, output[1], errors[1], &child);
	close(output[1]);
	close(errors[1]);
	if (error) {
		close(output[0]);
		close(errors[0]);
		return -error;
	}
	ends[0] = output[0];
	ends[1] = errors[0];
	return child;
}

void fibril_keep_little_memory(void)
{
	/* Of these two a default would grow with what is freed. */
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	mallopt(M_TRIM_THRESHOLD, 128 << 10);
	mallopt(M_ARENA_MAX, 1);
}

int fibril_event_descriptor(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}

int fibril_process_descriptor(pid_t process)
{
	int fd = (int)syscall(SYS_pidfd_open, process, 0);
	return fd < 0 ? -errno : fd;
}

int fibril_signal_descriptor(const sigset_t *mask)
{
	int fd = signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : fd;
}
