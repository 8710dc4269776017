/* SPDX-License-Identifier: Apache-2.0 */
/* The in-process dump: who is in it, and its lines, which are those of Sources/Dumping/DumpText.swift. */
#define _GNU_SOURCE
#include "dump.h"
#include "fibril_context.h"
#include "fibril_dump.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Entries are looked at while their owners change them, which is no mistake. */
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

enum { PAGE_WORDS = 512 };

/* What may be looked through for the names of others, in entries: some 50 ms. */
static const uint64_t most_looks = 1 << 22;

bool dump_read_table(struct dump *dump, void *to, uint64_t from, size_t bytes)
{
	/* Of the table nothing is ever unmapped. */
	if (dump->memory.way == DUMP_MEMORY_NONE && from)
		memcpy(to, (const void *)from, bytes);
	else if (dump_read(&dump->memory, to, from, bytes) != bytes)
		return false;
	return true;
}

/* ---- Walking the table ---- */

struct visit {
	void (*entry)(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context);
	void *context;
};

/* Entries of one task that are in use, by their addresses. Only ids are looked at, where they lie. */
static void visit_task(struct dump *dump, const struct fibril_task_slot *slot, const struct visit *visit)
{
	for (uint32_t i = 0; i < slot->chunk_count; i++) {
		uint64_t chunk;
		if (!dump_read_table(dump, &chunk, slot->chunks + i * sizeof chunk, sizeof chunk) || !chunk)
			return;
		const struct fibril_entry *entries = (const struct fibril_entry *)chunk;
		for (uint32_t k = 0; k < slot->chunk_entries; k++)
			if (__atomic_load_n(&entries[k].id, __ATOMIC_RELAXED))
				visit->entry(dump, slot, (uint64_t)&entries[k], visit->context);
	}
}

static bool read_slot(struct dump *dump, uint32_t index, struct fibril_task_slot *slot)
{
	return dump_read_table(dump, slot, fibril_root.tasks + index * sizeof *slot, sizeof *slot) && slot->task;
}

static void visit_all(struct dump *dump, const struct visit *visit)
{
	struct fibril_task_slot slot;

	for (uint32_t i = 0; i < fibril_root.task_slots; i++)
		if (read_slot(dump, i, &slot))
			visit_task(dump, &slot, visit);
}

static void name_at(uint32_t index, char name[64])
{
	name[0] = 0;
	if (index == 0 || index >= fibril_root.name_count)
		return;
	memcpy(name, (const char *)fibril_root.names + index * sizeof(struct fibril_name), 64);
	name[63] = 0;
}

static void find(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context)
{
	const struct fibril_entry *entry = (const struct fibril_entry *)address;

	(void)slot, (void)context;
	if (dump->looks)
		dump->looks--;
	if (entry->id == dump->named)
		dump->named_entry = address;
}

void dump_name_of(struct dump *dump, uint64_t fibril, char name[64])
{
	name[0] = 0;
	/* Many wait for the same one. */
	if (dump->named != fibril && dump->looks) {
		dump->named = fibril;
		dump->named_entry = 0;
		visit_all(dump, &(struct visit){find, NULL});
	}
	const struct fibril_entry *entry = (const struct fibril_entry *)dump->named_entry;
	if (entry && dump->named == fibril && entry->id == fibril)
		name_at(entry->name, name);
}

/* ---- One fibril ---- */

/* Bytes at the low end of the stack that were never used, as Sources/Inspection/StackUse.swift finds them. */
static bool never_used(struct dump *dump, const struct fibril_entry *entry, uint64_t *bytes)
{
	uint64_t *words = (uint64_t *)dump->stack.bytes;
	uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t page = entry->stack_low / page_bytes, end = entry->stack_high / page_bytes;

	dump->stack.window_bytes = 0;
	if (dump->pagemap < 0 || entry->stack_low >= entry->stack_high || end - page > 1 << 18)
		return false;
	while (page < end) {
		uint64_t count = end - page < PAGE_WORDS ? end - page : PAGE_WORDS;
		int64_t got = fibril_system_call(SYS_pread64, (uint64_t)dump->pagemap, (uint64_t)words, count * 8, page * 8,
						 0, 0);
		if (got < 8)
			return false;
		for (int64_t i = 0; i < got / 8; i++, page++)
			if (words[i] >> 62) {
				uint64_t address = page * page_bytes;
				*bytes = address > entry->stack_low ? address - entry->stack_low : 0;
				return true;
			}
	}
	*bytes = entry->stack_high - entry->stack_low;
	return true;
}

static void put_name(struct dump *dump, const struct fibril_entry *entry)
{
	char name[64];

	name_at(entry->name, name);
	if (name[0]) {
		dump_put_foreign(&dump->text, name, sizeof name);
	} else if (entry->flags & FIBRIL_ENTRY_CALL) {
		const char *call = fibril_call_name(entry->call);
		dump_put(&dump->text, call ? call : "call");
	} else if (!entry->entry || !dump_put_place(dump, entry->entry)) {
		dump_put(&dump->text, "-");
	}
}

static void put_field(struct dump_text *text, const char *name, uint64_t number)
{
	dump_put(text, name);
	dump_put_decimal(text, number);
}

static void put_age(struct dump *dump, uint64_t since)
{
	uint64_t ticks = dump->ticks > since ? dump->ticks - since : 0;

	if (since == 0)
		dump_put(&dump->text, "-");
	else
		dump_put_seconds(&dump->text,
				 (uint64_t)((unsigned __int128)ticks * dump->since_ns / dump->since_ticks));
}

static void put_line(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry,
		     bool is_running)
{
	struct dump_text *text = &dump->text;
	uint64_t unused = 0;
	bool is_known = !(entry->flags & FIBRIL_ENTRY_CALL) && never_used(dump, entry, &unused);

	dump_begin_field(text, "fibril:");
	put_name(dump, entry);
	dump_end_field(text, 23);
	dump_put(text, "state:");
	dump_put(text, is_running || entry->state == FIBRIL_STATE_RUNNABLE ? "R"
		 : entry->state == FIBRIL_STATE_BLOCKED			    ? "S"
		 : entry->state == FIBRIL_STATE_DEAD			    ? "Z"
									    : "?");
	dump_begin_field(text, " stack:");
	if (is_known)
		dump_put_decimal(text, unused);
	else
		dump_put(text, "-");
	dump_end_field(text, 16);
	dump_begin_field(text, "id:");
	dump_put_decimal(text, entry->id);
	dump_end_field(text, 9);
	dump_begin_field(text, "task:");
	dump_put_decimal(text, slot->task);
	put_field(text, "(tid ", slot->tid);
	dump_put(text, ")");
	dump_end_field(text, 16);
	dump_begin_field(text, "parent:");
	dump_put_decimal(text, entry->parent);
	dump_end_field(text, 12);
	dump_begin_field(text, "age:");
	put_age(dump, entry->since);
	dump_end_field(text, 13);
	dump_put(text, " ");
}

static void put_parked(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry,
		       bool has_stack)
{
	struct dump_text *text = &dump->text;

	put_line(dump, slot, entry, false);
	switch (entry->state) {
	case FIBRIL_STATE_RUNNABLE:
		dump_put(text, "runnable");
		break;
	case FIBRIL_STATE_BLOCKED:
		if (entry->flags & FIBRIL_ENTRY_CALL)
			dump_put(text, "pending ");
		dump_put_wait(dump, slot, entry);
		break;
	case FIBRIL_STATE_DEAD:
		dump_put(text, "ended, waiting to be joined");
		break;
	default:
		put_field(text, "in unknown state ", entry->state);
	}
	dump_put(text, "\nCall Trace:\n");
	if (has_stack) {
		dump_put_frames(dump);
		if (dump->stack.frames[0] == (uint64_t)fibril_context_start)
			dump_put(text, " (has not run yet)\n");
	} else if (entry->flags & FIBRIL_ENTRY_CALL) {
		dump_put(text, " (in the kernel, no stack)\n");
	} else if (entry->state == FIBRIL_STATE_DEAD) {
		dump_put(text, " (ended, no stack)\n");
	} else if (dump->memory.way == DUMP_MEMORY_NONE) {
		dump_put(text, " (its stack cannot be read safely: neither process_vm_readv nor a pipe is to be had)\n");
	} else {
		dump_put(text, " (its stack cannot be read)\n");
	}
}

/* The thread that writes the dump. */
struct self {
	const struct dump_place *place;
	uint32_t thread;
};

static bool is_own(const struct self *self, const struct fibril_task_slot *slot, const struct fibril_entry *entry)
{
	return slot->tid == self->thread && self->place->stack_pointer >= entry->stack_low &&
	       self->place->stack_pointer < entry->stack_high;
}

static void put_running(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry,
			const struct self *self)
{
	struct dump_text *text = &dump->text;
	struct dump_thread thread = {.is_in_call = false};
	struct dump_place place;

	put_line(dump, slot, entry, true);
	dump_put(text, "running fibril");
	if (slot->tid == self->thread) {
		place = *self->place;
	} else {
		dump_look_at_thread(&thread, slot->tid);
		place = (struct dump_place){.pc = thread.pc, .stack_pointer = thread.stack_pointer};
	}
	bool is_here = place.stack_pointer >= entry->stack_low && place.stack_pointer < entry->stack_high;
	if (thread.is_in_call && is_here) {
		dump_put(text, ", but its thread is in the kernel");
		if (thread.number >= 0) {
			dump_put(text, ": ");
			dump_put_call(dump, thread.number, thread.arguments);
		}
	}
	dump_put(text, "\nCall Trace:\n");
	if (is_here) {
		dump_walk(dump, &place, entry->stack_high);
		dump_put_frames(dump);
	} else if (slot->tid == self->thread || thread.is_in_call) {
		dump_put(text, " (its thread is between two fibrils)\n");
	} else {
		dump_put(text, " (its registers are not known from inside)\n");
	}
}

/* An entry as often as it takes to find it unchanged. */
static void put_fibril(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context)
{
	const struct self *self = context;
	struct fibril_entry entry;
	uint32_t after;

	for (int i = 0; i < DUMP_TRIES; i++) {
		if (!dump_read_table(dump, &entry, address, sizeof entry) || entry.id == 0)
			return;
		bool is_running = entry.sequence % 2 && (entry.state == FIBRIL_STATE_RUNNING || entry.id == slot->running ||
							 is_own(self, slot, &entry));
		bool has_stack = !is_running && entry.sequence % 2 == 0 && entry.stack_pointer >= entry.stack_low &&
				 entry.stack_pointer < entry.stack_high && dump_walk_parked(dump, &entry);
		if (!dump_read_table(dump, &after, address, sizeof after) || after != entry.sequence)
			continue;
		if (is_running)
			return put_running(dump, slot, &entry, self);
		if (entry.sequence % 2 == 0)
			return put_parked(dump, slot, &entry, has_stack);
	}
	put_line(dump, slot, &entry, entry.sequence % 2);
	dump_put(&dump->text, "(changed while read)\nCall Trace:\n (changed while read)\n");
}

/* ---- The header ---- */

struct counts {
	uint64_t fibrils, states[5];
};

static void count(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context)
{
	const struct fibril_entry *entry = (const struct fibril_entry *)address;
	struct counts *counts = context;
	uint8_t state = entry->state;

	(void)dump, (void)slot;
	counts->fibrils++;
	if (state < 5)
		counts->states[state]++;
}

static void put_command(struct dump *dump)
{
	char command[17] = "";
	int64_t got = dump_read_file("/proc/self/comm", command, sizeof command - 1);

	dump_put(&dump->text, "sysrq: Show State of ");
	if (got > 0 && command[got - 1] == '\n')
		command[got - 1] = 0;
	if (got > 1)
		dump_put_foreign(&dump->text, command, sizeof command - 1);
	put_field(&dump->text, "[", (uint64_t)fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0));
	dump_put(&dump->text, "]: ");
}

static void put_count(struct dump_text *text, uint64_t number, const char *word)
{
	dump_put_decimal(text, number);
	dump_put(text, word);
	if (number != 1)
		dump_put(text, "s");
}

static void put_task(struct dump *dump, const struct fibril_task_slot *slot, uint64_t fibrils)
{
	struct dump_text *text = &dump->text;

	put_field(text, "task:", slot->task);
	put_field(text, " tid:", slot->tid);
	put_field(text, " fibrils:", fibrils);
	put_field(text, " runnable:", slot->runnable);
	if (slot->helpers)
		put_field(text, " helpers:", slot->helpers);
	if (slot->helper_queue)
		put_field(text, " waiting for a helper:", slot->helper_queue);
	if (slot->counts.inline_stalls)
		put_field(text, " stalls:", slot->counts.inline_stalls);
	if (slot->running)
		put_field(text, "  running fibril ", slot->running);
	else
		dump_put(text, "  asleep until a fibril wakes");
	dump_put(text, "\n");
}

static void put_header(struct dump *dump)
{
	static const char *const words[] = {"", " runnable", " running", " blocked", " dead"};
	static const uint8_t order[] = {FIBRIL_STATE_RUNNING, FIBRIL_STATE_RUNNABLE, FIBRIL_STATE_BLOCKED,
					FIBRIL_STATE_DEAD};
	struct dump_text *text = &dump->text;
	struct fibril_task_slot slot;
	struct counts counts = {0};
	uint64_t tasks = 0;

	visit_all(dump, &(struct visit){count, &counts});
	for (uint32_t i = 0; i < fibril_root.task_slots; i++)
		tasks += read_slot(dump, i, &slot);
	put_count(text, counts.fibrils, " fibril");
	dump_put(text, " in ");
	put_count(text, tasks, " task");
	const char *separator = " (";
	for (size_t i = 0; i < sizeof order; i++) {
		if (!counts.states[order[i]])
			continue;
		dump_put(text, separator);
		dump_put_decimal(text, counts.states[order[i]]);
		dump_put(text, words[order[i]]);
		separator = ", ";
	}
	dump_put(text, counts.fibrils ? "), " : " (), ");
	dump_put(text, fibril_root.runtime);
	dump_put(text, "\n");
	for (uint32_t i = 0; i < fibril_root.task_slots; i++) {
		if (!read_slot(dump, i, &slot))
			continue;
		struct counts own = {0};
		visit_task(dump, &slot, &(struct visit){count, &own});
		put_task(dump, &slot, own.fibrils);
	}
}

/* ---- All of it ---- */

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
	struct self self = {place, (uint32_t)fibril_system_call(SYS_gettid, 0, 0, 0, 0, 0, 0)};

	put_command(dump);
	if (__atomic_load_n(&fibril_root.magic, __ATOMIC_ACQUIRE) != FIBRIL_ROOT_MAGIC) {
		dump_put(&dump->text, "no thread has become a task yet\n");
		return;
	}
	put_header(dump);
	dump_put_modules(dump);
	visit_all(dump, &(struct visit){put_fibril, &self});
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
