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

/*
 * What an entry says of the process `tgid`. Unless it says otherwise, `task`, `number` and `bytes` are 0.
 *
 *   kind        task                  number                           bytes
 *   records     who made them         of the first record in its task  of the records behind the entry
 *   task_start  who starts            clock of its records, 0 unknown  0
 *   fork        1: shares the memory  the parent's tgid                1: the forking thread's buffer is known
 *   exec        the new image's short name, 16 bytes, in both          as with exit, of the old image
 *   exit        0                     status as from wait(2)           threads whose last records are not known
 *
 * `start` and `execs` of a fork are the child's, and those of an exec the new image's.
 */
enum fibril_ring_kind {
	FIBRIL_RING_RECORDS = 1,
	FIBRIL_RING_TASK_START = 2,
	FIBRIL_RING_FORK = 3,
	FIBRIL_RING_EXEC = 4,
	FIBRIL_RING_EXIT = 5,
};

/* One process image. Process ids are those of the tracer's PID namespace. */
struct fibril_image {
	__u64 start;  /* of the process, in ns since boot: tells apart who had the same id */
	__u32 tgid;
	__u32 execs;  /* programs that it and those it descends from have executed */
};

/* One entry of the ring: this, then `bytes` of struct fibril_record if it is of records. */
struct fibril_ring_entry {
	struct fibril_image image;
	__u64 time;   /* CLOCK_MONOTONIC, ns; 0 with records */
	__u64 task;
	__u64 number;
	__u32 bytes;
	__u32 kind;   /* enum fibril_ring_kind */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_ring_entry) == 48, "the records behind it are 8-byte aligned");

/* Set before the program is loaded. */
struct fibril_batch_settings {
	__u32 namespace_inode;  /* of the tracer's PID namespace; 0: the first one */
	__u16 everybody;        /* take in whoever runs into a probe, not the known processes alone */
	__u16 may_sleep;        /* loaded as a sleepable program */
	__u16 fixed_entries;    /* do as on kernels that cannot reserve an exact size */
	__u16 follow;           /* take in the children of known processes */
	__u32 reserved;
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_batch_settings) == 16, "the loader writes it");

/* The cookies of the probes' sites. */
enum fibril_probe_cookie {
	FIBRIL_PROBE_BATCH = 0,
	FIBRIL_PROBE_TASK_START = 1,
};

/* A known process; by tgid. */
struct fibril_known_process {
	__u32 unsalvaged; /* threads that ended and whose last records could not be read */
	__u32 threads;    /* whose buffers are known and that have not ended */
	__u32 is_ending;  /* none of its threads runs any more */
	__u32 has_ended;  /* and the last records of all are placed */
};

/* A thread that is a task and whose buffer is known; by thread id. */
struct fibril_thread {
	__u64 task;
	__u64 buffer;     /* address of its struct fibril_buffer */
	__u64 is_counted; /* among its process's `threads` */
};

/* What of a task could not be placed. */
struct fibril_unplaced_key {
	struct fibril_image image;
	__u64 task;
};

struct fibril_unplaced {
	__u64 records;
	__u64 first;  /* the lowest number among them */
	__u64 end;    /* one past the highest */
};

/* The global variables of the program. */
struct fibril_batch_counts {
	__u64 uncounted; /* batches whose task found no place in the account of loss either */
	__u64 unposted;  /* entries without records that found no place */
};

#endif
