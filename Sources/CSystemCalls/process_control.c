/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a process that waits, and descriptors for its end and for signals. */
#include "process_control.h"

#include <errno.h>
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
