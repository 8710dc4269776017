/* SPDX-License-Identifier: Apache-2.0 */
/* What another thread of the process does in the kernel, as /proc/self/task/TID/syscall tells it. */
#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

int64_t dump_read_file(const char *path, char *bytes, size_t count)
{
	int64_t file = fibril_system_call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (file < 0)
		return file;
	int64_t got;
	do
		got = fibril_system_call(SYS_read, (uint64_t)file, (uint64_t)bytes, count, 0, 0, 0);
	while (got == -EINTR);
	fibril_system_call(SYS_close, (uint64_t)file, 0, 0, 0, 0, 0);
	return got;
}

static uint64_t number_at(const char **at, unsigned base)
{
	uint64_t number = 0;

	while (**at == ' ')
		++*at;
	if ((*at)[0] == '0' && (*at)[1] == 'x')
		*at += 2;
	for (;; ++*at) {
		unsigned digit = (unsigned)(**at - '0');
		if (digit > 9)
			digit = **at >= 'a' && **at <= 'f' ? (unsigned)(**at - 'a' + 10) : 16;
		if (digit >= base)
			return number;
		number = number * base + digit;
	}
}

/* "running", "-1 SP PC" or "NUMBER SIX-ARGUMENTS SP PC". */
void dump_look_at_thread(struct dump_thread *thread, uint32_t thread_id)
{
	char path[48] = "/proc/self/task/", digits[11], text[256], *end = path + strlen(path);
	int count = 0;

	*thread = (struct dump_thread){.number = -1};
	do
		digits[count++] = (char)('0' + thread_id % 10);
	while (thread_id /= 10);
	while (count)
		*end++ = digits[--count];
	memcpy(end, "/syscall", sizeof "/syscall");
	int64_t got = dump_read_file(path, text, sizeof text - 1);
	if (got <= 0)
		return;
	text[got] = 0;
	thread->is_known = true;
	if (text[0] == 'r')
		return;
	const char *at = text;
	if (text[0] == '-') {
		at += 2;
	} else {
		thread->number = (int64_t)number_at(&at, 10);
		for (int i = 0; i < 6; i++)
			thread->arguments[i] = number_at(&at, 16);
	}
	thread->stack_pointer = number_at(&at, 16);
	thread->pc = number_at(&at, 16);
	thread->is_in_call = true;
}
