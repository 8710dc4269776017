/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * What the BPF programs hand to the tracer: entries of the ring, and the account of what found no
 * place in it. Both sides come from one build, so this is no contract with anybody else.
 */
#ifndef FIBRIL_RING_H
#define FIBRIL_RING_H

#include "fibril_event.h"

/* More than this in one batch is refused, and counted as lost. */
#define FIBRIL_BATCH_MAX_BYTES (128u * 1024u)

/* One entry of the ring: this, then `bytes` of struct fibril_record. */
struct fibril_batch {
	__u64 task;
	__u64 first;  /* number of the first record in its task */
	__u32 bytes;  /* a multiple of the record's size */
	__u32 tgid;   /* as the first PID namespace has it */
	__u64 image;  /* how often the process has executed a program: tells images apart */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_batch) == 32, "the records behind it are 8-byte aligned");

/* Set before the program is loaded. */
struct fibril_batch_settings {
	__u64 namespace_device; /* the PID namespace that only_tgid is meant in; */
	__u64 namespace_inode;  /* 0: the first one */
	__u32 only_tgid;        /* 0: whatever the attachment lets through */
	__u16 may_sleep;        /* loaded as a sleepable program */
	__u16 fixed_entries;    /* do as on kernels that cannot reserve an exact size */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_batch_settings) == 24, "the loader writes it");

/* What of a task could not be placed; keyed by task. */
struct fibril_unplaced {
	__u64 records;
	__u64 first;  /* the lowest number among them */
	__u64 end;    /* one past the highest */
};

#endif
