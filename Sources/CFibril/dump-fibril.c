/* SPDX-License-Identifier: Apache-2.0 */
/* One fibril of the in-process dump: its line, which is that of Sources/Dumping/FibrilText.swift, and its stack. */
#define _GNU_SOURCE
#include "dump.h"
#include "fibril_context.h"

#include <string.h>
#include <unistd.h>

/* Entries are looked at while their owners change them, which is no mistake. */
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

enum { PAGE_WORDS = 512 };

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

	dump_name_at(entry->name, name);
	if (name[0]) {
		dump_put_foreign(&dump->text, name, sizeof name);
	} else if (entry->flags & FIBRIL_ENTRY_CALL) {
		const char *call = fibril_call_name(entry->call);
		dump_put(&dump->text, call ? call : "call");
	} else if (!entry->entry || !dump_put_place(dump, entry->entry)) {
		dump_put(&dump->text, "-");
	}
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
	dump_put_field(text, "(tid ", slot->tid);
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
		dump_put_field(text, "in unknown state ", entry->state);
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

static bool is_own(const struct dump_self *self, const struct fibril_task_slot *slot, const struct fibril_entry *entry)
{
	return slot->tid == self->thread && self->place->stack_pointer >= entry->stack_low &&
	       self->place->stack_pointer < entry->stack_high;
}

static void put_running(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry,
			const struct dump_self *self)
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
void dump_put_fibril(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context)
{
	const struct dump_self *self = context;
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

#pragma clang attribute pop
