/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of fibril_probes.h, optional: the fibril table of contract C, which tracer, `fibril list` and `fibril dump`
 * read from outside. A runtime that wants it defines FIBRIL_PROBES_TABLE before each include of fibril_probes.h,
 * lays out its task slots and entries as fibril_table.h says, and publishes them.
 *
 *     once                        fibril_table_publish
 *     a thread becomes a task     fill a slot, tid and started among it; last its task (release)
 *     a fibril's entry changes    fibril_entry_change; change it, next_number too; fibril_entry_changed
 *     a fibril begins to run      fibril_entry_change; state RUNNING; its slot's running, running_entry
 *     it stops running            its new state and saved stack pointer; fibril_entry_changed
 *
 * The change comes before its record is made.
 */
#ifdef FIBRIL_PROBES_TABLE

/* The root of the fibril table, which the ELF note points to. ident, clock and names are kept by the implementation. */
extern struct fibril_root fibril_root FIBRIL_HIDDEN;

static inline struct fibril_root *fibril_root_address(void)
{
	return &fibril_root;
}

/* Makes the sequence odd: what the entry says from now on is not whole. */
static inline void fibril_entry_change(struct fibril_entry *entry)
{
	__atomic_store_n(&entry->sequence, entry->sequence | 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void fibril_entry_changed(struct fibril_entry *entry)
{
	__atomic_store_n(&entry->sequence, (entry->sequence | 1) + 1, __ATOMIC_RELEASE);
}

/*
 * Shows the table to the outside. `runtime` is at most 31 bytes, such as "Strands 1.2"; `slots` is zeroed and has room
 * for `count`, of which any may be in use later; context says what lies at a saved stack pointer, 0: nothing that a
 * tracer can read, and no entry has a stack_pointer then.
 */
void fibril_table_publish(const char *runtime, struct fibril_task_slot *slots, uint32_t count, uint32_t context)
	FIBRIL_HIDDEN;

#ifdef FIBRIL_PROBES_IMPLEMENTATION

#include <string.h>

struct fibril_root fibril_root;

/* The descriptor is the distance from itself to the root: no relocation, so it holds in the file too. */
__asm__(
	"	.pushsection .note.fibril, \"a\", %note\n"
	"	.balign	4\n"
	"	.4byte	7, 8, 1\n" /* lengths of name and descriptor, FIBRIL_NOTE_TABLE */
	"	.asciz	\"Fibril\"\n"
	"	.balign	4\n"
	"1:	.8byte	fibril_root - 1b\n"
	"	.popsection\n");

FIBRIL_STATIC_ASSERT(FIBRIL_NOTE_TABLE == 1 && sizeof FIBRIL_NOTE_NAME == 7, "the note above says otherwise");

void fibril_table_publish(const char *runtime, struct fibril_task_slot *slots, uint32_t count, uint32_t context)
{
	fibril_process_ident(); /* sets up clock and names */
	fibril_root.tasks = (uintptr_t)slots;
	fibril_root.task_slots = count;
	fibril_root.task_bytes = sizeof(struct fibril_task_slot);
	fibril_root.fibril_bytes = sizeof(struct fibril_entry);
	fibril_root.bytes = sizeof(struct fibril_root);
	fibril_root.version = FIBRIL_TABLE_VERSION;
	fibril_root.context = context;
	strncpy(fibril_root.runtime, runtime, sizeof fibril_root.runtime - 1);
	__atomic_store_n(&fibril_root.magic, FIBRIL_ROOT_MAGIC, __ATOMIC_RELEASE);
}

#endif
#endif
