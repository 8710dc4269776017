/* SPDX-License-Identifier: Apache-2.0 */
/* The table of one's own process, walked while it changes, and the names of fibrils. */
#define _GNU_SOURCE
#include "dump.h"

#include <string.h>

/* Entries are looked at while their owners change them, which is no mistake. */
#pragma clang attribute push(__attribute__((disable_sanitizer_instrumentation)), apply_to = function)

bool dump_read_table(struct dump *dump, void *to, uint64_t from, size_t bytes)
{
	/* Of the table nothing is ever unmapped. */
	if (dump->memory.way == DUMP_MEMORY_NONE && from)
		memcpy(to, (const void *)from, bytes);
	else if (dump_read(&dump->memory, to, from, bytes) != bytes)
		return false;
	return true;
}

/* Entries of one task that are in use, by their addresses. Only ids are looked at, where they lie. */
void dump_visit_task(struct dump *dump, const struct fibril_task_slot *slot, const struct dump_visit *visit)
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

bool dump_read_slot(struct dump *dump, uint32_t index, struct fibril_task_slot *slot)
{
	return dump_read_table(dump, slot, fibril_root.tasks + index * sizeof *slot, sizeof *slot) && slot->task;
}

void dump_visit_all(struct dump *dump, const struct dump_visit *visit)
{
	struct fibril_task_slot slot;

	for (uint32_t i = 0; i < fibril_root.task_slots; i++)
		if (dump_read_slot(dump, i, &slot))
			dump_visit_task(dump, &slot, visit);
}

void dump_name_at(uint32_t index, char name[64])
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
		dump_visit_all(dump, &(struct dump_visit){find, NULL});
	}
	const struct fibril_entry *entry = (const struct fibril_entry *)dump->named_entry;
	if (entry && dump->named == fibril && entry->id == fibril)
		dump_name_at(entry->name, name);
}

#pragma clang attribute pop
