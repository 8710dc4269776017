/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process dump as a whole: where its memory comes from, and what comes after what. */
#define _GNU_SOURCE
#include "dump.h"
#include "fibril_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Entries are looked at while their owners change them, which is no mistake. */
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

/* What may be looked through for the names of others, in entries: some 50 ms. */
static const uint64_t most_looks = 1 << 22;

static void begin(struct dump *dump, int descriptor)
{
	dump->text.descriptor = descriptor;
	dump->text.error = 0;
	dump->text.length = dump->text.start = 0;
	dump->modules.error = 0;
	dump->modules.is_cut = false;
	dump->modules.count = dump->modules.last = 0;
	dump->modules.path_length = 0;
	dump->looks = most_looks;
	dump->named = dump->named_entry = 0;
	dump->now = fibril_ticks_monotonic();
	dump->ticks = fibril_ticks();
	dump->since_ns = dump->now - fibril_root.clock_ns;
	dump->since_ticks = dump->ticks - fibril_root.clock_ticks;
	if (dump->since_ns < 1000000 || dump->since_ticks == 0 || fibril_root.clock_ns > dump->now) {
		dump->since_ns = 1000000;
		dump->since_ticks = fibril_ticks_a_millisecond();
	}
	dump_memory_begin(&dump->memory);
	dump->pagemap = (int)fibril_system_call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t) "/proc/self/pagemap",
						O_RDONLY | O_CLOEXEC, 0, 0, 0);
}

static int64_t end(struct dump *dump)
{
	dump_flush(&dump->text);
	if (dump->pagemap >= 0)
		fibril_system_call(SYS_close, (uint64_t)dump->pagemap, 0, 0, 0, 0, 0);
	dump_memory_end(&dump->memory);
	return dump->text.error;
}

static void put_all(struct dump *dump, const struct dump_place *place)
{
	struct dump_self self = {place, (uint32_t)fibril_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0)};

	dump_put_command(dump);
	if (__atomic_load_n(&fibril_root.magic, __ATOMIC_ACQUIRE) != FIBRIL_ROOT_MAGIC) {
		dump_put(&dump->text, "no thread has become a task yet\n");
		return;
	}
	dump_put_header(dump);
	dump_put_modules(dump);
	dump_visit_all(dump, &(struct dump_visit){dump_put_fibril, &self});
}

int64_t dump_write(int descriptor, const struct dump_place *place)
{
	/* The first one has its memory ready; another one meanwhile, or one inside the other, needs more. */
	static struct dump first;
	static uint32_t is_taken;
	struct dump *dump = &first;
	uint32_t free = 0;
	bool is_first = __atomic_compare_exchange_n(&is_taken, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);

	if (!is_first) {
		int64_t memory = fibril_system_call(SYS_mmap, 0, sizeof *dump, PROT_READ | PROT_WRITE,
						    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0);
		if (memory < 0 && memory > -4096)
			return memory;
		dump = (struct dump *)memory;
	}
	begin(dump, descriptor);
	put_all(dump, place);
	int64_t result = end(dump);
	if (is_first)
		__atomic_store_n(&is_taken, 0, __ATOMIC_RELEASE);
	else
		fibril_system_call(SYS_munmap, (uint64_t)dump, sizeof *dump, 0, 0, 0, 0);
	return result;
}

__attribute__((noinline)) int64_t fibril_dump_here(int descriptor)
{
	const uint64_t *frame = __builtin_frame_address(0);
	struct dump_place place = {.pc = frame[1], .stack_pointer = (uint64_t)(frame + 2), .frame_pointer = frame[0]};

	return dump_write(descriptor, &place);
}

#pragma clang attribute pop
