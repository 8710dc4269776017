/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies a file by submitted calls, many blocks at a time: each read that completes is followed by the
 * write of its block, and each write by the read of another. No fibrils besides the thread itself.
 *
 *     cc -o copy copy.c $(pkg-config --cflags --libs fibril)
 *     ./copy FROM TO
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fibril.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BLOCKS = 16, BLOCK_BYTES = 64 * 1024 };

static struct block {
	uint64_t offset, bytes;
	bool is_read; /* and to be written */
	char data[BLOCK_BYTES];
} blocks[BLOCKS];

static int fail(const char *what, int64_t error)
{
	fprintf(stderr, "copy: cannot %s: %s\n", what, strerror((int)-error));
	return 1;
}

/* The next step of a block, whose index is the cookie. */
static struct fibril_call next_step(uint64_t index, int from, int to, uint64_t *position)
{
	struct block *block = &blocks[index];

	if (block->is_read)
		return fibril_make_call(index, SYS_pwrite64, to, block->data, block->bytes, block->offset);
	block->offset = *position;
	*position += BLOCK_BYTES;
	return fibril_make_call(index, SYS_pread64, from, block->data, BLOCK_BYTES, block->offset);
}

static int copy(int from, int to)
{
	struct fibril_call calls[BLOCKS];
	struct fibril_completion done[BLOCKS];
	uint64_t position = 0, copied = 0;
	size_t count = 0, pending = 0;

	for (uint64_t i = 0; i < BLOCKS; i++)
		calls[count++] = next_step(i, from, to, &position);
	while (count > 0 || pending > 0) {
		int64_t submitted = fibril_submit(calls, count);
		if (submitted != (int64_t)count)
			return fail("submit", submitted < 0 ? submitted : -ENOMEM);
		pending += count;
		count = 0;
		int64_t collected = fibril_await_completions(done, 1, BLOCKS, 0);
		if (collected < 0)
			return fail("collect", collected);
		pending -= (size_t)collected;
		for (int64_t i = 0; i < collected; i++) {
			struct block *block = &blocks[done[i].cookie];
			uint64_t bytes = (uint64_t)done[i].result;

			if (done[i].result < 0)
				return fail(block->is_read ? "write" : "read", done[i].result);
			if (block->is_read && bytes < block->bytes)
				return fail("write", -ENOSPC);
			if (block->is_read)
				copied += bytes;
			else if (bytes == 0)
				continue; /* the file's end: this block has done its work */
			block->bytes = bytes;
			block->is_read = !block->is_read;
			calls[count++] = next_step(done[i].cookie, from, to, &position);
		}
	}
	printf("%" PRIu64 " bytes copied\n", copied);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: copy FROM TO\n");
		return 64;
	}
	int from = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return fail("open the file to copy", -errno);
	int to = open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (to < 0)
		return fail("make the copy", -errno);
	int error = fibril_task_create(NULL);
	if (error < 0)
		return fail("make a task", error);
	int status = copy(from, to);
	fibril_task_destroy();
	return close(to) == 0 ? status : fail("write", -errno);
}
