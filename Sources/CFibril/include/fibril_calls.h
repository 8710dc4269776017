/* SPDX-License-Identifier: Apache-2.0 */
/* Bare system calls and the two structures that io_uring shares with the kernel. */
#ifndef FIBRIL_CALLS_H
#define FIBRIL_CALLS_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

/* Any system call by number. Returns what the kernel returned, -errno on failure; errno is left alone. */
static inline int64_t fibril_system_call(int64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
					 uint64_t f)
{
#if defined(__x86_64__)
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;
	int64_t result;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register int64_t x8 __asm__("x8") = number;
	register uint64_t x0 __asm__("x0") = a;
	register uint64_t x1 __asm__("x1") = b;
	register uint64_t x2 __asm__("x2") = c;
	register uint64_t x3 __asm__("x3") = d;
	register uint64_t x4 __asm__("x4") = e;
	register uint64_t x5 __asm__("x5") = f;
	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
	return (int64_t)x0;
#endif
}

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

/* A read or write that does not wait, at the file's own position if `position` is -1. */
static inline int64_t fibril_transfer_without_waiting(int64_t number, uint64_t descriptor, uint64_t address,
						      uint64_t bytes, uint64_t position)
{
	struct iovec buffer = {(void *)address, bytes};

	return fibril_system_call(number, descriptor, (uint64_t)&buffer, 1, position, 0, RWF_NOWAIT);
}

/* Whether the descriptor is of a file or block device, which end a read early only at their end. Asks no server. */
bool fibril_is_file(uint64_t descriptor) __attribute__((visibility("hidden")));

/* Whether the close of a descriptor may wait: of a socket that lingers, or a device that finishes its output. */
bool fibril_close_waits(uint64_t descriptor) __attribute__((visibility("hidden")));

/* Whether the descriptor is of a socket with a time after which its calls give up (SO_RCVTIMEO, SO_SNDTIMEO). */
bool fibril_socket_gives_up(uint64_t descriptor, bool receiving) __attribute__((visibility("hidden")));

/* Of the system call with this number on this architecture; NULL: it has none. */
const char *fibril_call_name(int32_t number) __attribute__((visibility("hidden")));

/* By a descriptor of /proc/.../mountinfo: whether a file system is mounted that may hang, and news of that. */
bool fibril_mounts_may_hang(int descriptor) __attribute__((visibility("hidden")));
bool fibril_mounts_have_changed(int descriptor) __attribute__((visibility("hidden")));

/* Whether transfers go to the device itself (O_DIRECT). */
bool fibril_waits_for_device(uint64_t descriptor) __attribute__((visibility("hidden")));

/* How often the calling thread has waited for something, by giving up its processor. */
uint64_t fibril_voluntary_switches(void) __attribute__((visibility("hidden")));

/* 0, or what the kernel says of a time at `address` that is none: -EFAULT or -EINVAL. */
int64_t fibril_check_time(uint64_t address) __attribute__((visibility("hidden")));

/* For a sleep that was interrupted after `elapsed` ns: what is left of the time at `asked`, if `left` is not 0. */
void fibril_tell_time_left(uint64_t asked, uint64_t left, uint64_t elapsed) __attribute__((visibility("hidden")));

/*
 * openat as long as it finds all it looks up in memory: -EAGAIN if it does not, -EINVAL for what openat2
 * does not take, -ENOSYS before Linux 5.12.
 */
int64_t fibril_open_cached(uint64_t directory, uint64_t path, uint64_t flags, uint64_t mode)
	__attribute__((visibility("hidden")));

/*
 * From now until deadline (CLOCK_MONOTONIC, ns), at least 0 and at most 146 years: io_uring adds it to its
 * own clock, in 63 bits.
 */
static inline struct timespec fibril_time_left(uint64_t deadline)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t then = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	uint64_t left = deadline > then ? deadline - then : 0;
	if (left > INT64_MAX / 2)
		left = INT64_MAX / 2;
	return (struct timespec){.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
}

/* io_uring_enter, waiting for count completions or, if it is not 0, until deadline (CLOCK_MONOTONIC, ns). */
static inline int64_t fibril_ring_enter(int32_t ring, uint32_t submissions, uint32_t count, uint64_t deadline)
{
	uint64_t flags = IORING_ENTER_GETEVENTS;

	if (deadline == 0)
		return fibril_system_call(SYS_io_uring_enter, (uint64_t)ring, submissions, count, flags, 0, 0);
	struct timespec left = fibril_time_left(deadline);
	struct io_uring_getevents_arg argument = {.ts = (uint64_t)&left};
	return fibril_system_call(SYS_io_uring_enter, (uint64_t)ring, submissions, count, flags | IORING_ENTER_EXT_ARG,
				  (uint64_t)&argument, sizeof argument);
}

/* Fills a submission queue entry; operation_flags is the union of each operation's own flags. */
static inline void fibril_ring_fill(struct io_uring_sqe *entry, uint8_t operation, int32_t descriptor, uint64_t offset,
				    uint64_t address, uint32_t length, uint32_t operation_flags, uint64_t user_data)
{
	*entry = (struct io_uring_sqe){
		.opcode = operation,
		.fd = descriptor,
		.off = offset,
		.addr = address,
		.len = length,
		.rw_flags = (int)operation_flags,
		.user_data = user_data,
	};
}

#endif
