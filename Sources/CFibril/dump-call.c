/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A system call with its arguments: numbers, and paths of the commonest calls. The tracer, which has more time
 * and memory, names constants as well (Sources/Dumping/Calls).
 */
#include "dump.h"

#include <fcntl.h>

enum { MOST_PATH_BYTES = 256, NO_PATH = 7 };

/* How many arguments calls take, and which one is a path. */
static const struct {
	uint16_t number;
	uint8_t count, path;
} known[] = {
	{SYS_read, 3, NO_PATH}, {SYS_write, 3, NO_PATH}, {SYS_close, 1, NO_PATH}, {SYS_fstat, 2, NO_PATH},
	{SYS_lseek, 3, NO_PATH}, {SYS_ioctl, 3, NO_PATH}, {SYS_pread64, 4, NO_PATH}, {SYS_pwrite64, 4, NO_PATH},
	{SYS_readv, 3, NO_PATH}, {SYS_writev, 3, NO_PATH}, {SYS_preadv, 4, NO_PATH}, {SYS_pwritev, 4, NO_PATH},
	{SYS_dup, 1, NO_PATH}, {SYS_nanosleep, 2, NO_PATH}, {SYS_clock_nanosleep, 4, NO_PATH},
	{SYS_sendfile, 4, NO_PATH}, {SYS_socket, 3, NO_PATH}, {SYS_connect, 3, NO_PATH}, {SYS_accept, 3, NO_PATH},
	{SYS_accept4, 4, NO_PATH}, {SYS_sendto, 6, NO_PATH}, {SYS_recvfrom, 6, NO_PATH}, {SYS_sendmsg, 3, NO_PATH},
	{SYS_recvmsg, 3, NO_PATH}, {SYS_sendmmsg, 4, NO_PATH}, {SYS_recvmmsg, 5, NO_PATH}, {SYS_shutdown, 2, NO_PATH},
	{SYS_wait4, 4, NO_PATH}, {SYS_waitid, 5, NO_PATH}, {SYS_fcntl, 3, NO_PATH}, {SYS_flock, 2, NO_PATH},
	{SYS_fsync, 1, NO_PATH}, {SYS_fdatasync, 1, NO_PATH}, {SYS_syncfs, 1, NO_PATH}, {SYS_ftruncate, 2, NO_PATH},
	{SYS_fallocate, 4, NO_PATH}, {SYS_getdents64, 3, NO_PATH}, {SYS_futex, 6, NO_PATH}, {SYS_splice, 6, NO_PATH},
	{SYS_epoll_pwait, 6, NO_PATH}, {SYS_ppoll, 5, NO_PATH}, {SYS_pselect6, 6, NO_PATH},
	{SYS_copy_file_range, 6, NO_PATH}, {SYS_io_uring_enter, 6, NO_PATH}, {SYS_truncate, 2, 0}, {SYS_statfs, 2, 0},
	{SYS_chdir, 1, 0}, {SYS_execve, 3, 0}, {SYS_openat, 4, 1}, {SYS_mkdirat, 3, 1}, {SYS_newfstatat, 4, 1},
	{SYS_unlinkat, 3, 1}, {SYS_readlinkat, 4, 1}, {SYS_faccessat, 3, 1}, {SYS_statx, 5, 1}, {SYS_utimensat, 4, 1},
	{SYS_openat2, 4, 1},
#if defined(__x86_64__)
	{SYS_open, 3, 0}, {SYS_stat, 2, 0}, {SYS_lstat, 2, 0}, {SYS_access, 2, 0}, {SYS_mkdir, 2, 0}, {SYS_rmdir, 1, 0},
	{SYS_unlink, 1, 0}, {SYS_readlink, 3, 0}, {SYS_creat, 2, 0}, {SYS_poll, 3, NO_PATH}, {SYS_select, 5, NO_PATH},
	{SYS_epoll_wait, 4, NO_PATH}, {SYS_pause, 0, NO_PATH},
#endif
};

static void put_argument(struct dump_text *text, uint64_t argument)
{
	int64_t as_signed = (int32_t)argument;

	if (argument < 10000) {
		dump_put_decimal(text, argument);
	} else if (as_signed < 0 && as_signed > -10000 && (argument == (uint64_t)as_signed || argument >> 32 == 0)) {
		dump_put(text, "-");
		dump_put_decimal(text, (uint64_t)-as_signed);
	} else {
		dump_put_hexadecimal(text, argument);
	}
}

static bool put_path(struct dump *dump, uint64_t address)
{
	/* Not in the way of a stack that has been walked: its frames are apart. */
	char *bytes = dump->stack.bytes;

	dump->stack.window_bytes = 0;
	size_t count = address ? dump_read(&dump->memory, bytes, address, MOST_PATH_BYTES) : 0;
	if (count == 0)
		return false;
	dump_put(&dump->text, "\"");
	dump_put_foreign(&dump->text, bytes, count);
	dump_put(&dump->text, "\"");
	return true;
}

/* Where a path argument starts from. */
static bool is_directory(unsigned index, unsigned path, uint64_t argument)
{
	return index == 0 && path == 1 && (int32_t)argument == AT_FDCWD;
}

static void put_arguments(struct dump *dump, int64_t number, const uint64_t arguments[6])
{
	unsigned count = 6, path = NO_PATH;
	bool is_known = false;

	for (size_t i = 0; i < sizeof known / sizeof *known && !is_known; i++)
		if (known[i].number == number) {
			count = known[i].count;
			path = known[i].path;
			is_known = true;
		}
	while (!is_known && count > 0 && arguments[count - 1] == 0)
		count--;
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			dump_put(&dump->text, ", ");
		if (is_directory(i, path, arguments[i]))
			dump_put(&dump->text, "AT_FDCWD");
		else if (i != path || !put_path(dump, arguments[i]))
			put_argument(&dump->text, arguments[i]);
	}
}

void dump_put_call(struct dump *dump, int64_t number, const uint64_t *arguments)
{
	const char *name = fibril_call_name((int32_t)number);

	if (name) {
		dump_put(&dump->text, name);
	} else {
		dump_put(&dump->text, "system call ");
		dump_put_decimal(&dump->text, (uint64_t)number);
	}
	dump_put(&dump->text, "(");
	if (arguments)
		put_arguments(dump, number, arguments);
	else
		dump_put(&dump->text, "...");
	dump_put(&dump->text, ")");
}
