/* SPDX-License-Identifier: Apache-2.0 */
/* What stands above the fibrils of the in-process dump, as in Sources/Dumping/DumpHeader.swift. */
#define _GNU_SOURCE
#include "dump.h"

/* Entries are looked at while their owners change them, which is no mistake. */
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

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

void dump_put_command(struct dump *dump)
{
	char command[17] = "";
	int64_t got = dump_read_file("/proc/self/comm", command, sizeof command - 1);

	dump_put(&dump->text, "sysrq: Show State of ");
	if (got > 0 && command[got - 1] == '\n')
		command[got - 1] = 0;
	if (got > 1)
		dump_put_foreign(&dump->text, command, sizeof command - 1);
	dump_put_field(&dump->text, "[", (uint64_t)fibril_system_call(SYS_getpid, 0, 0, 0, 0, 0, 0));
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

	dump_put_field(text, "task:", slot->task);
	dump_put_field(text, " tid:", slot->tid);
	dump_put_field(text, " fibrils:", fibrils);
	dump_put_field(text, " runnable:", slot->runnable);
	if (slot->helpers)
		dump_put_field(text, " helpers:", slot->helpers);
	if (slot->helper_queue)
		dump_put_field(text, " waiting for a helper:", slot->helper_queue);
	if (slot->counts.inline_stalls)
		dump_put_field(text, " stalls:", slot->counts.inline_stalls);
	if (slot->running)
		dump_put_field(text, "  running fibril ", slot->running);
	else
		dump_put(text, "  asleep until a fibril wakes");
	dump_put(text, "\n");
}

void dump_put_header(struct dump *dump)
{
	static const char *const words[] = {"", " runnable", " running", " blocked", " dead"};
	static const uint8_t order[] = {FIBRIL_STATE_RUNNING, FIBRIL_STATE_RUNNABLE, FIBRIL_STATE_BLOCKED,
					FIBRIL_STATE_DEAD};
	struct dump_text *text = &dump->text;
	struct fibril_task_slot slot;
	struct counts counts = {0};
	uint64_t tasks = 0;

	dump_visit_all(dump, &(struct dump_visit){count, &counts});
	for (uint32_t i = 0; i < fibril_root.task_slots; i++)
		tasks += dump_read_slot(dump, i, &slot);
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
		if (!dump_read_slot(dump, i, &slot))
			continue;
		struct counts own = {0};
		dump_visit_task(dump, &slot, &(struct dump_visit){count, &own});
		put_task(dump, &slot, own.fibrils);
	}
}

#pragma clang attribute pop
