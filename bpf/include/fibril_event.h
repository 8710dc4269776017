/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Contract B: the records a traced process writes, and the buffers they lie in.
 *
 * The runtime, the BPF programs and (as a C target) Swift include this one file. Kinds are
 * append-only and a retired number stays a hole. All integers are little-endian.
 */
#ifndef FIBRIL_EVENT_H
#define FIBRIL_EVENT_H

#include <linux/types.h>

#ifdef __cplusplus
#define FIBRIL_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define FIBRIL_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif
#define FIBRIL_OFFSET(type, field, offset) \
	FIBRIL_STATIC_ASSERT(__builtin_offsetof(struct type, field) == (offset), #type "." #field " moved")

/*
 * What a record says. Every record belongs to the task whose buffer holds it.
 *
 *   kind            fibril             arg                      arg32
 *   task_start      root fibril        thread id                0
 *   task_stop       root fibril        0                        0
 *   submit          new fibril         parent fibril            call number, ~0 for a closure
 *   submit_entry    as in its submit   entry address            index of its name, 0: none
 *   switch          next, 0: sleeps    previous, 0: was asleep  state of the previous fibril
 *   block           who blocks         object (see the reason)  reason
 *   block_deadline  as in its block    CLOCK_MONOTONIC, ns      0
 *   wake            who is woken       waking fibril or 0       waking task or 0
 *   teardown        who ended          return code, -errno      0
 *   pad             0                  0                        0
 *   stack           as in front of it  0                        id of a user stack, from 1
 *
 * submit_entry follows the submit of a closure and block_deadline the block it belongs to; both
 * carry the same time, both count as records but not as events, and a group is never divided
 * between two batches (a pad fills the slot in front of the wrap; it is no event either).
 *
 * stack is written by a tracer's own program, never by the process: the record in front of it was made
 * with that stack.
 *
 * A wake carries the time at which the waker acted, not that at which the target's task noted it,
 * so it may be older than the record in front of it.
 */
enum fibril_record_kind {
	FIBRIL_RECORD_TASK_START = 1,
	FIBRIL_RECORD_TASK_STOP = 2,
	FIBRIL_RECORD_SUBMIT = 3,
	FIBRIL_RECORD_SUBMIT_ENTRY = 4,
	FIBRIL_RECORD_SWITCH = 5,
	FIBRIL_RECORD_BLOCK = 6,
	FIBRIL_RECORD_BLOCK_DEADLINE = 7,
	FIBRIL_RECORD_WAKE = 8,
	FIBRIL_RECORD_TEARDOWN = 9,
	FIBRIL_RECORD_PAD = 10,
	FIBRIL_RECORD_STACK = 11,
};

/* Why a fibril blocks, and what its object then is. */
enum fibril_reason {
	FIBRIL_REASON_NONE = 0,
	FIBRIL_REASON_CALL = 1,        /* a system call; object: its number */
	FIBRIL_REASON_WAKE_TARGET = 2, /* until woken by its cookie; object: 0 */
	FIBRIL_REASON_JOIN = 3,        /* the end of a fibril; object: its id, 0: of all */
	FIBRIL_REASON_COMPLETIONS = 4, /* completions of submitted calls; object: 0 */
	FIBRIL_REASON_SLEEP = 5,       /* a time; object: nanoseconds asked for */
	FIBRIL_REASON_MUTEX = 6,       /* a lock; object: address of its struct fibril_lock (fibril_table.h) */
	FIBRIL_REASON_SEMAPHORE = 7,   /* a permit; object: address of the semaphore */
	FIBRIL_REASON_CONDITION = 8,   /* a condition; object: its address */
	FIBRIL_REASON_SEND = 9,        /* room in a channel; object: address of the channel */
	FIBRIL_REASON_RECEIVE = 10,    /* something in a channel; object: address of the channel */
};

enum fibril_state {
	FIBRIL_STATE_NONE = 0,
	FIBRIL_STATE_RUNNABLE = 1,
	FIBRIL_STATE_RUNNING = 2,
	FIBRIL_STATE_BLOCKED = 3,
	FIBRIL_STATE_DEAD = 4, /* torn down; its code waits for a join */
};

/* The clock of `time`, `since` and `flush_time`. */
enum fibril_clock {
	FIBRIL_CLOCK_TSC = 1,       /* x86 time stamp counter */
	FIBRIL_CLOCK_MONOTONIC = 2, /* CLOCK_MONOTONIC, nanoseconds */
};

#define FIBRIL_NO_CALL 0xffffffffu /* arg32 of a closure's submit */

struct fibril_record {
	__u64 time;     /* ticks of the buffer's clock */
	__u64 fibril;
	__u64 arg;
	__u16 kind;     /* enum fibril_record_kind */
	__u16 number16; /* low 16 bits of this record's number in its task */
	__u32 arg32;
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_record) == 32, "fibril_record is a wire format");
FIBRIL_OFFSET(fibril_record, fibril, 8);
FIBRIL_OFFSET(fibril_record, arg, 16);
FIBRIL_OFFSET(fibril_record, kind, 24);
FIBRIL_OFFSET(fibril_record, number16, 26);
FIBRIL_OFFSET(fibril_record, arg32, 28);

#define FIBRIL_BUFFER_MAGIC 0x62667246u /* "Frfb" */
#define FIBRIL_BUFFER_VERSION 1u
#define FIBRIL_BUFFER_SLOTS 1024u
#define FIBRIL_BUFFER_SLOTS_OFFSET 4096u
#define FIBRIL_BUFFER_BYTES (FIBRIL_BUFFER_SLOTS_OFFSET + FIBRIL_BUFFER_SLOTS * 32u)

/*
 * One task's buffer. Record number n lies in slot n % slots. Only the owner writes.
 *
 * Reading from outside: copy the header, the slots, the header again, in this order. Record n is
 * whole if second.head - slots < n < first.head (and n >= 0) and its number16 matches, and so is
 * n = second.head - slots if that is second.flushed: it has yet to be handed over. `task` and
 * `ident` must be the same in both headers: a buffer whose task stopped serves a later one, which
 * counts from 0 again.
 */
struct fibril_buffer {
	__u32 magic, version;
	__u32 slots, slot_bytes;
	__u64 task;       /* 0: free */
	__u32 tid, pid;   /* as the process itself sees them */
	__u64 ident;      /* of the process image; new after fork */
	__u64 clock;      /* enum fibril_clock */
	__u64 reserved[2];
	/* 64 */
	__u64 head;       /* number of the next record; stored after the slot, release */
	__u64 flushed;    /* every record below was offered to a batch probe */
	__u64 flush_time; /* when that was */
	__u64 reserved2[5];
	/* the slots begin at FIBRIL_BUFFER_SLOTS_OFFSET */
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_buffer) == 128, "fibril_buffer is a wire format");
FIBRIL_OFFSET(fibril_buffer, task, 16);
FIBRIL_OFFSET(fibril_buffer, tid, 24);
FIBRIL_OFFSET(fibril_buffer, ident, 32);
FIBRIL_OFFSET(fibril_buffer, clock, 40);
FIBRIL_OFFSET(fibril_buffer, head, 64);
FIBRIL_OFFSET(fibril_buffer, flushed, 72);
FIBRIL_OFFSET(fibril_buffer, flush_time, 80);

/* One interned name. */
struct fibril_name {
	char text[64]; /* UTF-8, NUL-terminated, cut at a character if it was longer */
};

#define FIBRIL_MOST_NAMES (1u << 20)

/*
 * The memfd that holds what must outlive a process, seen as /proc/PID/fd/N -> "/memfd:fibril-events
 * (deleted)": the names that records refer to, and all event buffers. Its first page is this header.
 * Name k lies at names_offset + k * name_bytes; what is below name_count never changes, and index 0
 * is never a name. Buffer k begins at buffers_offset + k * buffer_bytes and the file ends behind the
 * last buffer. It only grows.
 */
#define FIBRIL_BUFFER_FILE_NAME "fibril-events"
#define FIBRIL_BUFFER_FILE_MAGIC 0x656c694672626946ull /* "FibrFile" */

struct fibril_buffer_file {
	__u64 magic;
	__u32 version, pid;
	__u64 ident;
	__u32 buffers_offset, buffer_bytes;
	__u32 names_offset, name_bytes;
	__u32 name_count; /* stored after the name, release */
	__u32 reserved;
};

FIBRIL_STATIC_ASSERT(sizeof(struct fibril_buffer_file) == 48, "fibril_buffer_file is a wire format");
FIBRIL_OFFSET(fibril_buffer_file, buffers_offset, 24);
FIBRIL_OFFSET(fibril_buffer_file, name_count, 40);

#endif
