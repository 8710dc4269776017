/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading memory that may be unmapped meanwhile, such as the stacks of another task that ends: by the kernel,
 * which says EFAULT where a load would end the program.
 */
#include "dump.h"

#include <errno.h>
#include <fcntl.h>

enum { PIPE_BYTES = 4096 }; /* less than any pipe holds */

static size_t read_by_call(void *to, uint64_t from, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)from, bytes};
	uint64_t self = (uint64_t)fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0);
	int64_t result = fibril_system_call(SYS_process_vm_readv, self, (uint64_t)&local, 1, (uint64_t)&remote, 1, 0);

	return result > 0 ? (size_t)result : 0;
}

static size_t read_by_pipe(struct dump_memory *memory, char *to, uint64_t from, size_t bytes)
{
	size_t done = 0;

	while (done < bytes) {
		size_t piece = bytes - done < PIPE_BYTES ? bytes - done : PIPE_BYTES;
		int64_t written = fibril_system_call(SYS_write, (uint64_t)memory->pipe[1], from + done, piece, 0, 0, 0);
		if (written <= 0)
			break;
		int64_t got = fibril_system_call(SYS_read, (uint64_t)memory->pipe[0], (uint64_t)(to + done),
						 (uint64_t)written, 0, 0, 0);
		if (got != written)
			break;
		done += (size_t)got;
	}
	return done;
}

void dump_memory_begin(struct dump_memory *memory)
{
	uint64_t sample = 1, seen = 0;

	memory->way = DUMP_MEMORY_CALL;
	if (read_by_call(&seen, (uint64_t)&sample, sizeof sample) == sizeof sample)
		return;
	/* Filters of older containers refuse it. */
	memory->way = DUMP_MEMORY_NONE;
	if (fibril_system_call(SYS_pipe2, (uint64_t)memory->pipe, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0) == 0)
		memory->way = DUMP_MEMORY_PIPE;
}

void dump_memory_end(struct dump_memory *memory)
{
	if (memory->way != DUMP_MEMORY_PIPE)
		return;
	fibril_system_call(SYS_close, (uint64_t)memory->pipe[0], 0, 0, 0, 0, 0);
	fibril_system_call(SYS_close, (uint64_t)memory->pipe[1], 0, 0, 0, 0, 0);
}

size_t dump_read(struct dump_memory *memory, void *to, uint64_t from, size_t bytes)
{
	switch (memory->way) {
	case DUMP_MEMORY_CALL:
		return read_by_call(to, from, bytes);
	case DUMP_MEMORY_PIPE:
		return read_by_pipe(memory, to, from, bytes);
	default:
		return 0;
	}
}
