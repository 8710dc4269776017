/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Contract C: the fibril table, read from another process or a core file while the threads of its
 * owner may all be stuck.
 *
 * Way in: an ELF note (name "Fibril", type FIBRIL_NOTE_TABLE) in an allocated segment of the module
 * that holds the runtime. Its descriptor is one signed 64-bit number: the distance from the
 * descriptor itself to `struct fibril_root`, both as loaded. `strip -s` leaves it in place.
 *
 * The root gives the sizes of the structures behind it: a reader takes what it knows of each and
 * steps by the size it is told, so that fields can be appended without a new version.
 */
#ifndef FIBRIL_TABLE_H
#define FIBRIL_TABLE_H

#include "fibril_event.h"

#define FIBRIL_NOTE_NAME "Fibril"
#define FIBRIL_NOTE_TABLE 1

#define FIBRIL_ROOT_MAGIC 0x656c626154726946ull /* "FirTable" */
#define FIBRIL_TABLE_VERSION 1u

/* What lies at a parked fibril's stack_pointer, as 64-bit words, lowest address first. */
enum fibril_context {
	FIBRIL_CONTEXT_X86_64 = 1,  /* pc, r15, r14, r13, r12, rbx, rbp; then the caller's frame */
	FIBRIL_CONTEXT_AARCH64 = 2, /* x29, x30 (pc), x19..x28, d8..d15; then the caller's frame */
};

struct fibril_root {
	__u64 magic;        /* 0 until the process has its first task */
	__u32 version, bytes;
	__u32 pid, context; /* enum fibril_context */
	__u64 ident;        /* of the process image, as in its event buffers */
	/* 32: one reading of both clocks, for turning ticks into nanoseconds together with a later one */
	__u64 clock;        /* enum fibril_clock */
	__u64 clock_ticks, clock_ns;
	/* 56: address and extent of the task slots */
	__u64 tasks;
	__u32 task_bytes, task_slots; /* slots in use so far, free ones among them */
	/* 72: address and extent of the name table (struct fibril_name), append-only */
	__u64 names;
	__u32 name_bytes, name_count; /* index 0 is never a name */
	/* 88 */
	__u32 fibril_bytes, reserved;
	char runtime[32];   /* "Fibril 0.1.0", NUL-terminated */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_root) == 128, "fibril_root is a wire format");
FIBRIL_OFFSET(fibril_root, ident, 24);
FIBRIL_OFFSET(fibril_root, clock_ticks, 40);
FIBRIL_OFFSET(fibril_root, tasks, 56);
FIBRIL_OFFSET(fibril_root, names, 72);
FIBRIL_OFFSET(fibril_root, fibril_bytes, 88);
FIBRIL_OFFSET(fibril_root, runtime, 96);

/*
 * How often each event has happened in a task. The same event is counted here, whether or not a
 * tracer listens.
 */
struct fibril_counts {
	__u64 submits, blocks, wakes;
	__u64 switches;     /* from a fibril to another */
	__u64 sleeps;       /* from a fibril to 0 */
	__u64 resumes;      /* from 0 to a fibril */
	__u64 teardowns;
	__u64 inline_stalls; /* calls run inline that took longer than the runtime allows */
};

struct fibril_task_slot {
	__u64 task;         /* id, from 1, never reused; 0: the slot is free */
	__u32 tid, reserved;
	__u64 running;      /* fibril id; 0: asleep in the kernel */
	__u64 running_entry; /* address of its struct fibril_entry */
	__u64 root;         /* fibril id of the task's root fibril */
	__u64 buffer;       /* address of its struct fibril_buffer, or 0 */
	__u64 runnable;     /* length of the run queue */
	__u64 chunks;       /* address of an array of addresses, each of chunk_entries entries */
	/* 64 */
	__u32 chunk_count, chunk_entries;
	__u64 started;      /* ticks */
	__u64 helpers;      /* helper threads there are */
	__u64 helper_queue; /* calls that wait for a helper */
	struct fibril_counts counts;
	/* 160 */
	__u64 reserved2[12];
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_task_slot) == 256, "fibril_task_slot is a wire format");
FIBRIL_OFFSET(fibril_task_slot, running, 16);
FIBRIL_OFFSET(fibril_task_slot, buffer, 40);
FIBRIL_OFFSET(fibril_task_slot, chunks, 56);
FIBRIL_OFFSET(fibril_task_slot, chunk_count, 64);
FIBRIL_OFFSET(fibril_task_slot, counts, 96);

enum fibril_entry_flags {
	FIBRIL_ENTRY_CALL = 1, /* a submitted call: no code of its own, no stack while in the kernel */
	FIBRIL_ENTRY_ROOT = 2, /* the submitter itself, on its thread's own stack */
	FIBRIL_ENTRY_HELPER = 4, /* its call runs, or waits to run, on a helper thread */
	FIBRIL_ENTRY_CANCELLED = 32, /* somebody cancelled it; bits 3, 4, 6 and 7 are the runtime's own */
};

/*
 * What a fibril that waits for a lock has as its object: the address of this. `owner` is the fibril
 * that holds the lock, shifted left by one, plus 1 while others wait; 0: free. With FIBRIL_OWNER_THREAD
 * set it is not a fibril but a plain thread, by its thread id. An entry's own `owner` was true when it
 * blocked; this is true now.
 */
#define FIBRIL_OWNER_THREAD (1ull << 62)

struct fibril_lock {
	__u64 owner;
};

/*
 * One fibril or call.
 *
 * `sequence` is odd while the fibril runs and while its owner changes the entry: what is read then
 * may be torn, and stack_pointer is stale. Read sequence, entry, stack, sequence: the copy is whole
 * if both are equal and even. An entry with id 0 is free.
 *
 * `next_number` joins this table to the event stream. A change of state is written here before its
 * record is made, and next_number is the number the task's next record had then: replay, of this
 * fibril, only records numbered next_number and above. The first of them may repeat the change
 * that the entry already shows.
 */
struct fibril_entry {
	__u32 sequence;
	__u8 state;         /* enum fibril_state */
	__u8 reason;        /* enum fibril_reason, while blocked */
	__u8 flags;         /* enum fibril_entry_flags */
	__u8 own;           /* the runtime's own */
	__u64 id;           /* unique in the process, never reused; 0: free */
	__u64 stack_pointer; /* of the saved context; 0: has no stack */
	__u64 since;        /* ticks of its last block or wake, or of its submit if that was traced; 0: none yet */
	__u64 object;       /* what it waits for, by reason */
	__u64 next_number;
	__u64 link;         /* the runtime's own */
	__u64 per_call;     /* the runtime's own */
	/* 64 */
	__u64 stack_low, stack_high; /* usable bytes: [low, high) */
	__u64 parent;       /* fibril id */
	__u64 entry;        /* address of its code, 0 for a call */
	__u32 name;         /* index into the name table, 0: none */
	__s32 call;         /* number of the system call it is in or is, -1: none */
	__u64 owner;        /* fibril that held the lock it waits for, 0: none or unknown */
	__u64 deadline;     /* CLOCK_MONOTONIC in ns, 0: none */
	__u64 waiters;      /* the runtime's own */
	/* 128: of its call; meaningful while call >= 0 */
	__u64 arguments[6];
	__u64 cookie;
	__s64 result;
	/* 192: the runtime's own, written by wakers in other threads */
	__u64 inbound_link;
	__u32 inbound_pending, waker_task;
	__u64 requests, wake_time, waker_fibril;
	/* 232: the runtime's own, while `deadline` is set */
	__u64 timer_child, timer_next, timer_previous;
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_entry) == 256, "fibril_entry is a wire format");
FIBRIL_OFFSET(fibril_entry, id, 8);
FIBRIL_OFFSET(fibril_entry, stack_pointer, 16);
FIBRIL_OFFSET(fibril_entry, since, 24);
FIBRIL_OFFSET(fibril_entry, next_number, 40);
FIBRIL_OFFSET(fibril_entry, stack_low, 64);
FIBRIL_OFFSET(fibril_entry, parent, 80);
FIBRIL_OFFSET(fibril_entry, name, 96);
FIBRIL_OFFSET(fibril_entry, owner, 104);
FIBRIL_OFFSET(fibril_entry, arguments, 128);
FIBRIL_OFFSET(fibril_entry, result, 184);
FIBRIL_OFFSET(fibril_entry, inbound_link, 192);

#endif
