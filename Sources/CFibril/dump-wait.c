/* SPDX-License-Identifier: Apache-2.0 */
/* What a fibril waits for, in the words of Sources/Dumping/WaitText.swift. */
#include "dump.h"

static void put_fibril(struct dump *dump, uint64_t fibril)
{
	char name[64];

	dump_put(&dump->text, "fibril ");
	dump_put_decimal(&dump->text, fibril);
	dump_name_of(dump, fibril, name);
	if (!name[0])
		return;
	dump_put(&dump->text, " \"");
	dump_put_foreign(&dump->text, name, sizeof name);
	dump_put(&dump->text, "\"");
}

static void put_object(struct dump_text *text, const char *words, uint64_t object)
{
	dump_put(text, words);
	dump_put_hexadecimal(text, object);
}

/* As the lock itself says now: what the entry says was true when its fibril blocked. */
static void put_owner(struct dump *dump, uint64_t address)
{
	struct fibril_lock lock;
	uint64_t owner = dump_read(&dump->memory, &lock, address, sizeof lock) == sizeof lock ? lock.owner >> 1 : 0;

	dump_put(&dump->text, " held by ");
	if (owner & FIBRIL_OWNER_THREAD) {
		dump_put(&dump->text, "thread ");
		dump_put_decimal(&dump->text, owner & ~FIBRIL_OWNER_THREAD);
	} else if (owner) {
		put_fibril(dump, owner);
	} else {
		dump_put(&dump->text, "nobody known");
	}
}

static void put_sleep(struct dump *dump, const struct fibril_entry *entry)
{
	struct dump_text *text = &dump->text;

	dump_put(text, "sleep ");
	if (entry->deadline == 0) {
		dump_put(text, "of ");
		dump_put_duration(text, entry->object);
	} else if (entry->deadline > dump->now) {
		dump_put_duration(text, entry->deadline - dump->now);
		dump_put(text, " left");
	} else {
		dump_put(text, "over for ");
		dump_put_duration(text, dump->now - entry->deadline);
	}
}

static void put_call(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry)
{
	int64_t number = entry->call < 0 ? (int64_t)entry->object : entry->call;

	dump_put_call(dump, number, entry->call < 0 ? NULL : (const uint64_t *)entry->arguments);
	if (!(entry->flags & FIBRIL_ENTRY_HELPER))
		return;
	dump_put(&dump->text, ", on a helper thread");
	/* Which of the task's calls wait, the table does not say. */
	if (slot->helper_queue)
		dump_put(&dump->text, " or waiting for one");
}

static void put_reason(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry)
{
	struct dump_text *text = &dump->text;

	if (entry->flags & FIBRIL_ENTRY_CALL)
		return put_call(dump, slot, entry);
	switch (entry->reason) {
	case FIBRIL_REASON_CALL:
		put_call(dump, slot, entry);
		break;
	case FIBRIL_REASON_WAKE_TARGET:
		dump_put(text, "to be woken");
		break;
	case FIBRIL_REASON_COMPLETIONS:
		dump_put(text, "completions");
		break;
	case FIBRIL_REASON_JOIN:
		dump_put(text, "join ");
		if (entry->object)
			put_fibril(dump, entry->object);
		else
			dump_put(text, "all");
		break;
	case FIBRIL_REASON_MUTEX:
		put_object(text, "mutex ", entry->object);
		put_owner(dump, entry->object);
		break;
	case FIBRIL_REASON_SEMAPHORE:
		put_object(text, "semaphore ", entry->object);
		break;
	case FIBRIL_REASON_CONDITION:
		put_object(text, "condition ", entry->object);
		break;
	case FIBRIL_REASON_SEND:
		put_object(text, "send to channel ", entry->object);
		break;
	case FIBRIL_REASON_RECEIVE:
		put_object(text, "receive from channel ", entry->object);
		break;
	default:
		dump_put(text, "blocked for reason ");
		dump_put_decimal(text, entry->reason);
		put_object(text, ", object ", entry->object);
	}
}

void dump_put_wait(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry)
{
	struct dump_text *text = &dump->text;

	if (entry->reason == FIBRIL_REASON_SLEEP)
		return put_sleep(dump, entry);
	put_reason(dump, slot, entry);
	if (entry->deadline > dump->now) {
		dump_put(text, ", ");
		dump_put_duration(text, entry->deadline - dump->now);
		dump_put(text, " left");
	} else if (entry->deadline) {
		dump_put(text, ", due for ");
		dump_put_duration(text, dump->now - entry->deadline);
	}
}
