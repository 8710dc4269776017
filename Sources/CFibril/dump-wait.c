/* SPDX-License-Identifier: Apache-2.0 */
/* What a fibril waits for, in the words of `fibril dump`. Calls have their arguments as numbers. */
#include "dump.h"

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

void dump_put_call(struct dump *dump, int64_t number, const uint64_t arguments[6])
{
	struct dump_text *text = &dump->text;
	const char *name = fibril_call_name((int32_t)number);
	int count = 6;

	if (name) {
		dump_put(text, name);
	} else {
		dump_put(text, "system call ");
		dump_put_decimal(text, (uint64_t)number);
	}
	dump_put(text, "(");
	/* How many a call takes is not known here: zeros at the end are left out. */
	while (count > 0 && arguments[count - 1] == 0)
		count--;
	for (int i = 0; i < count; i++) {
		if (i > 0)
			dump_put(text, ", ");
		put_argument(text, arguments[i]);
	}
	dump_put(text, ")");
}

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

static void put_reason(struct dump *dump, const struct fibril_entry *entry)
{
	struct dump_text *text = &dump->text;
	static const uint64_t none[6];

	switch (entry->reason) {
	case FIBRIL_REASON_CALL:
		dump_put(text, "blocked in ");
		dump_put_call(dump, (int64_t)entry->object, entry->call < 0 ? none : (const uint64_t *)entry->arguments);
		break;
	case FIBRIL_REASON_SLEEP:
		dump_put(text, "sleeping ");
		dump_put_seconds(text, entry->object);
		break;
	case FIBRIL_REASON_WAKE_TARGET:
		dump_put(text, "waiting to be woken");
		break;
	case FIBRIL_REASON_COMPLETIONS:
		dump_put(text, "waiting for completions");
		break;
	case FIBRIL_REASON_JOIN:
		dump_put(text, "waiting for the end of ");
		if (entry->object)
			put_fibril(dump, entry->object);
		else
			dump_put(text, "all fibrils");
		break;
	case FIBRIL_REASON_MUTEX:
		put_object(text, "waiting for mutex ", entry->object);
		break;
	case FIBRIL_REASON_SEMAPHORE:
		put_object(text, "waiting for a permit of semaphore ", entry->object);
		break;
	case FIBRIL_REASON_CONDITION:
		put_object(text, "waiting for condition ", entry->object);
		break;
	case FIBRIL_REASON_SEND:
		put_object(text, "waiting for room in channel ", entry->object);
		break;
	case FIBRIL_REASON_RECEIVE:
		put_object(text, "waiting to receive from channel ", entry->object);
		break;
	default:
		dump_put(text, "blocked for reason ");
		dump_put_decimal(text, entry->reason);
		put_object(text, ", object ", entry->object);
	}
}

/* As the lock itself says now: what the entry says was true when its fibril blocked. */
static void put_owner(struct dump *dump, const struct fibril_entry *entry)
{
	struct fibril_lock lock;

	if (entry->reason != FIBRIL_REASON_MUTEX ||
	    dump_read(&dump->memory, &lock, entry->object, sizeof lock) != sizeof lock || lock.owner >> 1 == 0)
		return;
	uint64_t owner = lock.owner >> 1;
	dump_put(&dump->text, ", held by ");
	if (owner & FIBRIL_OWNER_THREAD) {
		dump_put(&dump->text, "thread ");
		dump_put_decimal(&dump->text, owner & ~FIBRIL_OWNER_THREAD);
	} else {
		put_fibril(dump, owner);
	}
}

void dump_put_wait(struct dump *dump, const struct fibril_entry *entry)
{
	struct dump_text *text = &dump->text;

	put_reason(dump, entry);
	put_owner(dump, entry);
	if (entry->flags & FIBRIL_ENTRY_HELPER)
		dump_put(text, ", on a helper thread");
	if (entry->deadline > dump->now) {
		dump_put(text, ", ");
		dump_put_seconds(text, entry->deadline - dump->now);
		dump_put(text, " left");
	} else if (entry->deadline) {
		dump_put(text, ", due since ");
		dump_put_seconds(text, dump->now - entry->deadline);
	}
}
