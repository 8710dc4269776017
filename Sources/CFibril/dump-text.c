/* SPDX-License-Identifier: Apache-2.0 */
/* The text of an in-process dump: put together in a buffer, written by the bare system call. */
#include "dump.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>

/* A reader that has gone must not end the process: its signal is kept back, and taken away if it was ours. */
static int64_t write_quietly(int descriptor, const char *bytes, size_t count)
{
	uint64_t set = 1ull << (SIGPIPE - 1), before = 0, pending = 0;
	struct timespec none = {0};

	fibril_system_call(SYS_rt_sigpending, (uint64_t)&pending, sizeof pending, 0, 0, 0, 0);
	fibril_system_call(SYS_rt_sigprocmask, SIG_BLOCK, (uint64_t)&set, (uint64_t)&before, sizeof set, 0, 0);
	int64_t result = fibril_system_call(SYS_write, (uint64_t)descriptor, (uint64_t)bytes, count, 0, 0, 0);
	if (result == -EPIPE && !(pending & set))
		fibril_system_call(SYS_rt_sigtimedwait, (uint64_t)&set, 0, (uint64_t)&none, sizeof set, 0, 0);
	fibril_system_call(SYS_rt_sigprocmask, SIG_SETMASK, (uint64_t)&before, 0, sizeof before, 0, 0);
	return result;
}

void dump_flush(struct dump_text *text)
{
	size_t done = 0;

	while (done < text->length && text->error == 0) {
		int64_t result = write_quietly(text->descriptor, text->bytes + done, text->length - done);
		if (result > 0) {
			done += (size_t)result;
		} else if (result == -EAGAIN) {
			struct pollfd room = {.fd = text->descriptor, .events = POLLOUT};
			fibril_system_call(SYS_ppoll, (uint64_t)&room, 1, 0, 0, 0, 0);
		} else if (result != -EINTR) {
			text->error = result ? result : -EIO;
		}
	}
	text->length = 0;
}

static void put(struct dump_text *text, char byte)
{
	if (text->length == sizeof text->bytes)
		dump_flush(text);
	text->bytes[text->length++] = byte;
}

void dump_put(struct dump_text *text, const char *own)
{
	while (*own)
		put(text, *own++);
}

/* How many bytes of UTF-8 steer a terminal or turn text around, as the tracer has it; 0: none. */
static size_t steering(const unsigned char *bytes, size_t count)
{
	if (bytes[0] < 0x20 || bytes[0] == 0x7f)
		return 1;
	if (count >= 2 && bytes[0] == 0xc2 && bytes[1] >= 0x80 && bytes[1] <= 0x9f)
		return 2;
	if (count < 3 || bytes[0] != 0xe2)
		return 0;
	bool marks = bytes[1] == 0x80 &&
		     (bytes[2] == 0x8e || bytes[2] == 0x8f || (bytes[2] >= 0xa8 && bytes[2] <= 0xae));
	bool isolates = bytes[1] == 0x81 && bytes[2] >= 0xa6 && bytes[2] <= 0xa9;
	return marks || isolates ? 3 : 0;
}

void dump_put_foreign(struct dump_text *text, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count && bytes[i];) {
		size_t steers = steering((const unsigned char *)bytes + i, count - i);
		if (steers)
			dump_put(text, "\xef\xbf\xbd");
		else
			put(text, bytes[i]);
		i += steers ? steers : 1;
	}
}

static void put_number(struct dump_text *text, uint64_t number, unsigned base)
{
	char digits[20];
	size_t count = 0;

	do
		digits[count++] = "0123456789abcdef"[number % base];
	while (number /= base);
	while (count)
		put(text, digits[--count]);
}

void dump_put_decimal(struct dump_text *text, uint64_t number)
{
	put_number(text, number, 10);
}

void dump_put_hexadecimal(struct dump_text *text, uint64_t number)
{
	dump_put(text, "0x");
	put_number(text, number, 16);
}

static void put_seconds(struct dump_text *text, uint64_t nanoseconds, uint64_t last_place)
{
	uint64_t milliseconds = nanoseconds / 1000000 % 1000;

	put_number(text, nanoseconds / 1000000000, 10);
	put(text, '.');
	for (uint64_t place = 100; place >= last_place; place /= 10)
		put(text, (char)('0' + milliseconds / place % 10));
}

void dump_put_seconds(struct dump_text *text, uint64_t nanoseconds)
{
	put_seconds(text, nanoseconds, 1);
	put(text, 's');
}

void dump_put_duration(struct dump_text *text, uint64_t nanoseconds)
{
	put_seconds(text, nanoseconds, nanoseconds < 1000000000 ? 1 : 100);
	dump_put(text, " s");
}

void dump_begin_field(struct dump_text *text, const char *name)
{
	/* A field is shorter than half the buffer, so that what is begun stays in it. */
	if (text->length > sizeof text->bytes / 2)
		dump_flush(text);
	text->start = text->length;
	dump_put(text, name);
}

void dump_end_field(struct dump_text *text, size_t columns)
{
	do
		put(text, ' ');
	while (text->length - text->start < columns);
}

void dump_put_field(struct dump_text *text, const char *name, uint64_t number)
{
	dump_put(text, name);
	dump_put_decimal(text, number);
}
