// Plain system calls in a loop, as a program without the library makes them.
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "timing.h"

enum { block = 4096, blocks = 64 };

static void getppid_calls(uint64_t count)
{
	double start = now_ns();

	for (uint64_t i = 0; i < count; i++)
		if (syscall(SYS_getppid) < 0)
			fail("getppid failed");
	report_ns(start, (double)count);
}

static void flock_calls(uint64_t count)
{
	int descriptor = open("/", O_RDONLY | O_CLOEXEC);

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		if (flock(descriptor, LOCK_UN) != 0)
			fail("flock failed");
	report_ns(start, (double)count);
}

/* Each block of the file's first 64 into its own memory, again and again, as the submitted vector does. */
static void read_calls(const char *file, uint64_t count, int no_wait)
{
	static char memory[blocks][block] __attribute__((aligned(block)));
	int descriptor = open(file, O_RDONLY | O_CLOEXEC);

	double start = now_ns();
	for (uint64_t i = 0; i < count; i++) {
		struct iovec target = {.iov_base = memory[i % blocks], .iov_len = block};
		off_t offset = (off_t)(i % blocks) * block;
		ssize_t bytes = no_wait ? preadv2(descriptor, &target, 1, offset, RWF_NOWAIT)
					: pread(descriptor, target.iov_base, block, offset);

		if (bytes != block)
			fail("a read came back short");
	}
	report_ns(start, (double)count);
}

int main(int argc, char **argv)
{
	uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;

	if (argc == 3 && !strcmp(argv[1], "getppid"))
		getppid_calls(count);
	else if (argc == 3 && !strcmp(argv[1], "flock"))
		flock_calls(count);
	else if (argc == 4 && !strcmp(argv[1], "pread"))
		read_calls(argv[3], count, 0);
	else if (argc == 4 && !strcmp(argv[1], "preadv2-nowait"))
		read_calls(argv[3], count, 1);
	else
		fail("usage: calls getppid|flock COUNT | pread|preadv2-nowait COUNT FILE");
	return 0;
}
