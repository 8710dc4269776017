/* SPDX-License-Identifier: Apache-2.0 */
/* Reading another process, and the probes of what this machine allows. */
#define _GNU_SOURCE
#include "system_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GUARD_INSTALL 102     /* MADV_GUARD_INSTALL, Linux 6.13 */
#define UPROBE_MULTI 48       /* BPF_TRACE_UPROBE_MULTI, Linux 6.6 */

ssize_t fibril_read_process(pid_t pid, const struct iovec *local, size_t local_count, const struct iovec *remote,
			    size_t remote_count)
{
	ssize_t count = process_vm_readv(pid, local, local_count, remote, remote_count, 0);
	return count < 0 ? -errno : count;
}

int fibril_memory_file(const uint8_t *bytes, size_t count)
{
	int fd = memfd_create("fibril-module", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (count > 0) {
		ssize_t written = write(fd, bytes, count);
		if (written < 0 && errno != EINTR) {
			int result = -errno;
			close(fd);
			return result;
		}
		if (written > 0) {
			bytes += written;
			count -= (size_t)written;
		}
	}
	return fd;
}

int fibril_enter_processor(int processor, struct fibril_affinity *before)
{
	struct fibril_affinity only = {0};

	if (processor < 0 || processor >= (int)sizeof only * 8)
		return -EINVAL;
	only.processors[processor / 64] = 1ull << processor % 64;
	if (sched_getaffinity(0, sizeof *before, (cpu_set_t *)before) < 0 ||
	    sched_setaffinity(0, sizeof only, (const cpu_set_t *)&only) < 0)
		return -errno;
	sched_yield();
	return 0;
}

void fibril_leave_processor(const struct fibril_affinity *before)
{
	sched_setaffinity(0, sizeof *before, (const cpu_set_t *)before);
}

static int bpf(int command, union bpf_attr *attr)
{
	int result = (int)syscall(SYS_bpf, command, attr, sizeof *attr);
	return result < 0 ? -errno : result;
}

static int load(const struct bpf_insn *instructions, uint32_t count, uint32_t attach_type)
{
	union bpf_attr attr;
	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	attr.expected_attach_type = attach_type;
	attr.insns = (uintptr_t)instructions;
	attr.insn_cnt = count;
	attr.license = (uintptr_t)"GPL";
	return bpf(BPF_PROG_LOAD, &attr);
}

static const struct bpf_insn return_zero[] = {
	{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
	{.code = BPF_JMP | BPF_EXIT},
};

static int closed(int fd)
{
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

int fibril_probe_bpf_program(void)
{
	return closed(load(return_zero, 2, 0));
}

int fibril_probe_kernel_function(const char *name)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int result = -ENOMEM;
	size_t capacity = 64 << 20, size = 0, name_size = strlen(name) + 1;
	char *types = malloc(capacity);
	if (types) {
		ssize_t count;
		while (size < capacity && (count = read(fd, types + size, capacity - size)) > 0)
			size += (size_t)count;
		/* A type's name stands in the table of strings, behind the NUL of the one before. */
		result = -ENOSYS;
		for (char *at = types; (at = memmem(at, size - (size_t)(at - types), name, name_size)); at++) {
			if (at > types && at[-1] == 0) {
				result = 0;
				break;
			}
		}
		free(types);
	}
	close(fd);
	return result;
}

/*
 * The words of union bpf_attr for BPF_LINK_CREATE of a uprobe_multi link, which older headers lack:
 * program, target, attach type, flags, path, offsets, reference counts, cookies, count and flags, pid.
 */
struct uprobe_multi_attr {
	uint32_t program, target, attach_type, flags;
	uint64_t path, offsets, reference_counts, cookies;
	uint32_t count, uprobe_flags, pid, reserved;
};

int fibril_probe_uprobe_multi(void)
{
	int program = load(return_zero, 2, UPROBE_MULTI);
	if (program < 0)
		return program;
	uint64_t offset = 0;
	struct uprobe_multi_attr attr = {
		.program = (uint32_t)program,
		.attach_type = UPROBE_MULTI,
		.path = (uintptr_t)"/",
		.offsets = (uintptr_t)&offset,
		.count = 1,
	};
	/* A kernel that knows these links looks at the path, and a directory has no probes. */
	int result = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof attr) < 0 ? -errno : 0;
	close(program);
	return result == -EBADF ? 0 : result;
}

int fibril_probe_io_uring(void)
{
	struct io_uring_params parameters;
	memset(&parameters, 0, sizeof parameters);
	int fd = (int)syscall(SYS_io_uring_setup, 4, &parameters);
	return fd < 0 ? -errno : closed(fd);
}

int fibril_probe_guard_pages(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	int result = madvise(memory, page, GUARD_INSTALL) < 0 ? -errno : 0;
	munmap(memory, page);
	return result;
}
