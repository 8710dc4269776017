/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * What the program of precise mode hands to the tracer: an entry of the ring for each event. Both
 * sides come from one build, so this is no contract with anybody else.
 */
#ifndef FIBRIL_PRECISE_H
#define FIBRIL_PRECISE_H

#include "fibril_event.h"

/* Program counters of a stack at most: as many as the kernel takes unless told otherwise. */
#define FIBRIL_STACK_DEPTH 127u

/*
 * One entry: this, then `records` of struct fibril_record, then `name_bytes` of text, the NUL at its
 * end included. The entry may be longer. `name_bytes` is negative if the name could not be read.
 */
struct fibril_precise {
	__u64 task;
	__u64 first;   /* number of the first record among those of this task that passed the filters */
	__u64 process; /* its id as the first PID namespace has it << 32 | how often it has executed a program */
	__u32 records;
	__s32 name_bytes;
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_precise) == 32, "the records behind it are 8-byte aligned");

/* Set before the program is loaded. A filter that is 0 lets everything through. */
struct fibril_precise_settings {
	__u64 namespace_device; /* the PID namespace that only_tgid is meant in; */
	__u64 namespace_inode;  /* 0: the first one */
	__u64 task;
	__u64 fibril;
	__u64 reasons;          /* bit r: blocks for reason r */
	__u32 kinds;            /* bit k: events whose first record is of kind k */
	__u32 only_tgid;
	__u32 stacks;           /* blocks come with the stack they were made with */
	__u32 wake_up_at;       /* bytes in the ring that are worth waking the reader */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_precise_settings) == 56, "the loader writes it");

/* Whose next number is kept. */
struct fibril_precise_task {
	__u64 process; /* as in an entry */
	__u64 task;
};

/* A task's next number, where it is found without searching: in the slot of its id's last bits. */
struct fibril_precise_slot {
	struct fibril_precise_task of; /* of.process is 0 in a free slot */
	__u64 next;
	__u64 reserved;
};

#define FIBRIL_PRECISE_SLOTS 4096u

/* What the program keeps beside its maps: this, then FIBRIL_PRECISE_SLOTS of struct fibril_precise_slot. */
struct fibril_precise_account {
	__u64 uncounted;     /* events of tasks whose numbers found no room: lost, and in no gap */
	__u64 missed_stacks; /* blocks that come without their stack: no room, or not readable */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_precise_slot) == 32, "the loader reads it");
FIBRIL_STATIC_ASSERT(sizeof(struct fibril_precise_account) == 16, "the slots lie behind it");

#endif
