/* SPDX-License-Identifier: Apache-2.0 */
/* libbpf, and the one kernel interface of its field that libbpf 1.1 has no call for. */
#pragma once
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* BPF_TRACE_UPROBE_MULTI, from Linux 6.6 on; a program needs it as its expected attach type. */
#define TRACER_ATTACH_UPROBE_MULTI 48

/*
 * Attaches a program to `count` places of a file by one link. `semaphores` are offsets in the file
 * too, 0 where a site has none; `cookies` is what the program is told of each site, or NULL;
 * `process` 0 is every process. Returns the link's descriptor, or -1 with errno.
 */
static inline int tracer_link_uprobe_multi(int program, const char *path, const unsigned long *offsets,
					   const unsigned long *semaphores, const __u64 *cookies,
					   unsigned int count, unsigned int process)
{
	/* As `link_create` and its `uprobe_multi` stand in the kernel's union bpf_attr. */
	struct {
		__u32 program, target, attach_type, flags;
		__u64 path, offsets, semaphores, cookies;
		__u32 count, probe_flags, process, reserved;
	} attributes;

	memset(&attributes, 0, sizeof(attributes));
	attributes.program = (__u32)program;
	attributes.attach_type = TRACER_ATTACH_UPROBE_MULTI;
	attributes.path = (__u64)(unsigned long)path;
	attributes.offsets = (__u64)(unsigned long)offsets;
	attributes.semaphores = (__u64)(unsigned long)semaphores;
	attributes.cookies = (__u64)(unsigned long)cookies;
	attributes.count = count;
	attributes.process = process;
	return (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attributes, sizeof(attributes));
}

/* What the kernel and the reader of a ring tell each other, by memory that both map. */
static inline unsigned long tracer_load(const volatile unsigned long *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline unsigned int tracer_load_length(const volatile unsigned int *from)
{
	return __atomic_load_n(from, __ATOMIC_ACQUIRE);
}

static inline void tracer_store(volatile unsigned long *to, unsigned long value)
{
	__atomic_store_n(to, value, __ATOMIC_RELEASE);
}
