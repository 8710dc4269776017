/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says about a call's arguments, which may point nowhere: they are never read directly. */
#define _GNU_SOURCE
#include "fibril_calls.h"
#include "fibril_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* 0: there is none. */
static mode_t type_of(uint64_t descriptor)
{
	struct statx status;

	return fibril_system_call(SYS_statx, descriptor, (uint64_t) "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE,
				  (uint64_t)&status, 0) == 0
		       ? status.stx_mode & S_IFMT
		       : 0;
}

bool fibril_is_file(uint64_t descriptor)
{
	mode_t type = type_of(descriptor);

	return type == S_IFREG || type == S_IFBLK;
}

bool fibril_close_waits(uint64_t descriptor)
{
	struct linger linger = {0};
	socklen_t bytes = sizeof linger;

	switch (type_of(descriptor)) {
	case S_IFSOCK:
		return fibril_system_call(SYS_getsockopt, descriptor, SOL_SOCKET, SO_LINGER, (uint64_t)&linger,
					  (uint64_t)&bytes, 0) == 0 &&
		       linger.l_onoff && linger.l_linger > 0;
	case S_IFCHR:
	case S_IFBLK:
		return true;
	default:
		return false;
	}
}

bool fibril_socket_gives_up(uint64_t descriptor, bool receiving)
{
	struct timeval time = {0};
	socklen_t bytes = sizeof time;

	return fibril_system_call(SYS_getsockopt, descriptor, SOL_SOCKET, receiving ? SO_RCVTIMEO : SO_SNDTIMEO,
				  (uint64_t)&time, (uint64_t)&bytes, 0) == 0 &&
	       (time.tv_sec != 0 || time.tv_usec != 0);
}

bool fibril_waits_for_device(uint64_t descriptor)
{
	int64_t flags = fibril_system_call(SYS_fcntl, descriptor, F_GETFL, 0, 0, 0, 0);

	return flags >= 0 && (flags & O_DIRECT);
}

uint64_t fibril_voluntary_switches(void)
{
	struct rusage usage = {0};

	getrusage(RUSAGE_THREAD, &usage);
	return (uint64_t)usage.ru_nvcsw;
}

int64_t fibril_check_time(uint64_t address)
{
	/* The time is looked at before the kernel sees that the word is not 1. */
	uint32_t word = 0;
	if (address == 0)
		return -EFAULT; /* to a futex: no end */
	int64_t result = fibril_system_call(SYS_futex, (uint64_t)&word, FUTEX_WAIT_PRIVATE, 1, address, 0, 0);

	return result == -EAGAIN ? 0 : result;
}

/* By the kernel, which knows whether there is something to be read. */
static bool read_words(uint64_t address, uint64_t *words, size_t count)
{
	struct iovec from = {(void *)address, count * sizeof *words}, to = {words, count * sizeof *words};

	return fibril_system_call(SYS_process_vm_readv, (uint64_t)getpid(), (uint64_t)&to, 1, (uint64_t)&from, 1, 0) ==
	       (int64_t)to.iov_len;
}

void fibril_tell_time_left(uint64_t asked, uint64_t left, uint64_t elapsed)
{
	uint64_t time[2];

	if (left == 0 || !read_words(asked, time, 2))
		return;
	uint64_t result[2] = {0};
	struct timespec passed = {(time_t)(elapsed / 1000000000u), (long)(elapsed % 1000000000u)};
	/* In seconds and the rest, for all of them in ns may be too many. */
	if (time[1] < (uint64_t)passed.tv_nsec) {
		passed.tv_sec++;
		time[1] += 1000000000u;
	}
	if (time[0] >= (uint64_t)passed.tv_sec) {
		result[0] = time[0] - (uint64_t)passed.tv_sec;
		result[1] = time[1] - (uint64_t)passed.tv_nsec;
	}
	struct iovec from = {result, sizeof result}, to = {(void *)left, sizeof result};
	fibril_system_call(SYS_process_vm_writev, (uint64_t)getpid(), (uint64_t)&from, 1, (uint64_t)&to, 1, 0);
}

static bool copy_without(int signal, uint64_t *address, uint64_t bytes, struct fibril_mask_room *room)
{
	if (*address == 0 || bytes != sizeof room->mask || !read_words(*address, &room->mask, 1))
		return false;
	room->mask &= ~(1ull << (signal - 1));
	*address = (uint64_t)&room->mask;
	return true;
}

bool fibril_mask_without(int signal, int64_t number, uint64_t arguments[6], struct fibril_mask_room *room)
{
	switch (number) {
	case SYS_ppoll:
		return copy_without(signal, &arguments[3], arguments[4], room);
	case SYS_epoll_pwait:
#ifdef SYS_epoll_pwait2
	case SYS_epoll_pwait2:
#endif
		return copy_without(signal, &arguments[4], arguments[5], room);
	case SYS_pselect6:
	case SYS_io_pgetevents:
		if (arguments[5] == 0 || !read_words(arguments[5], room->pair, 2) ||
		    !copy_without(signal, &room->pair[0], room->pair[1], room))
			return false;
		arguments[5] = (uint64_t)room->pair;
		return true;
	case SYS_rt_sigtimedwait:
		copy_without(signal, &arguments[0], arguments[3], room);
		return false;
	default:
		return false;
	}
}

int64_t fibril_open_cached(uint64_t directory, uint64_t path, uint64_t flags, uint64_t mode)
{
	struct open_how how = {
		.flags = (uint32_t)flags, .mode = flags & O_CREAT ? mode : 0, .resolve = RESOLVE_CACHED};

	return fibril_system_call(SYS_openat2, directory, path, (uint64_t)&how, sizeof how, 0, 0);
}
