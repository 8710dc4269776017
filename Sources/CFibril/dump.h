/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the in-process dump share. All of it may run in a signal handler that interrupted anything:
 * only system calls, no locks, no memory but `struct dump`, which is too large for a fibril's stack.
 */
#ifndef DUMP_H
#define DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fibril_calls.h"
#include "fibril_events.h"

enum {
	DUMP_TEXT_BYTES = 8192,
	DUMP_WINDOW_BYTES = 16384,
	DUMP_MOST_MODULES = 512,
	DUMP_MOST_FRAMES = 512, /* as the tracer's unwinder */
	DUMP_TRIES = 8,         /* so often an entry that changes meanwhile is read */
};

/* ---- Text (dump-text.c) ---- */

struct dump_text {
	int descriptor;
	int64_t error; /* of the first write that failed; nothing is written after it */
	size_t length, start;
	char bytes[DUMP_TEXT_BYTES];
};

#define DUMP_HIDDEN __attribute__((visibility("hidden")))

DUMP_HIDDEN void dump_flush(struct dump_text *text);
DUMP_HIDDEN void dump_put(struct dump_text *text, const char *own);
/* Bytes that the program made: what could steer a terminal is replaced. */
DUMP_HIDDEN void dump_put_foreign(struct dump_text *text, const char *bytes, size_t count);
DUMP_HIDDEN void dump_put_decimal(struct dump_text *text, uint64_t number);
DUMP_HIDDEN void dump_put_hexadecimal(struct dump_text *text, uint64_t number);
DUMP_HIDDEN void dump_put_seconds(struct dump_text *text, uint64_t nanoseconds);  /* 1.250s */
DUMP_HIDDEN void dump_put_duration(struct dump_text *text, uint64_t nanoseconds); /* 1.2 s, 0.045 s */
/* A field that fills so many columns from dump_begin_field on, with at least one blank behind it. */
DUMP_HIDDEN void dump_begin_field(struct dump_text *text, const char *name);
DUMP_HIDDEN void dump_end_field(struct dump_text *text, size_t columns);
/* A name and its number. */
DUMP_HIDDEN void dump_put_field(struct dump_text *text, const char *name, uint64_t number);

/* ---- Memory that may not be there (dump-memory.c) ---- */

enum dump_memory_way {
	DUMP_MEMORY_NONE,
	DUMP_MEMORY_CALL, /* process_vm_readv */
	DUMP_MEMORY_PIPE, /* a write to a pipe, which fails where there is nothing */
};

struct dump_memory {
	enum dump_memory_way way;
	int pipe[2];
};

DUMP_HIDDEN void dump_memory_begin(struct dump_memory *memory);
DUMP_HIDDEN void dump_memory_end(struct dump_memory *memory);
/* Returns how many bytes could be copied. */
DUMP_HIDDEN size_t dump_read(struct dump_memory *memory, void *to, uint64_t from, size_t bytes);

/* ---- Modules (dump-modules.c) ---- */

struct dump_module {
	uint64_t low, high;           /* from its first byte to behind its last */
	uint64_t code_low, code_high; /* what of it can be executed */
	char name[48];                /* the last part of its path */
};

struct dump_modules {
	int64_t error; /* -errno: no modules are known */
	bool is_cut;
	uint32_t count, last;
	struct dump_module module[DUMP_MOST_MODULES]; /* by address */
	/* The one whose lines are being read. */
	uint64_t inode, device;
	uint32_t path_length;
	char path[4096];
};

struct dump;
/* Reads them, and writes a line of each with its build id, for whoever turns addresses into symbols later. */
DUMP_HIDDEN void dump_put_modules(struct dump *dump);
DUMP_HIDDEN const struct dump_module *dump_module_of(struct dump_modules *modules, uint64_t address);
DUMP_HIDDEN bool dump_is_code(struct dump_modules *modules, uint64_t address);
/* `module+0x12`, if the address lies in one. */
DUMP_HIDDEN bool dump_put_place(struct dump *dump, uint64_t address);

/* ---- Stacks (dump-stack.c) ---- */

/* Where a stack goes on. */
struct dump_place {
	uint64_t pc, stack_pointer;
	uint64_t frame_pointer; /* 0: not known */
	bool is_exact;          /* pc itself was interrupted; it is not a return address */
};

struct dump_stack {
	uint64_t low, high; /* what may be read */
	uint64_t window;    /* address of what was read */
	size_t window_bytes;
	uint32_t count, exact, guesses; /* frames; of those, the first `exact` and from number `guesses` on */
	bool has_guessed_caller;        /* the second one is a guess too */
	const char *note;               /* why there are no more; NULL: all are there */
	uint64_t frames[DUMP_MOST_FRAMES];
	char bytes[DUMP_WINDOW_BYTES] __attribute__((aligned(8)));
};

/* Follows a stack of which [stack pointer, high) may be read. */
DUMP_HIDDEN void dump_walk(struct dump *dump, const struct dump_place *place, uint64_t high);
/* The same for a parked fibril; false: its context cannot be read. */
DUMP_HIDDEN bool dump_walk_parked(struct dump *dump, const struct fibril_entry *entry);
DUMP_HIDDEN void dump_put_frames(struct dump *dump);

/* ---- What fibrils wait for (dump-wait.c, dump-call.c) ---- */

DUMP_HIDDEN void dump_put_wait(struct dump *dump, const struct fibril_task_slot *slot, const struct fibril_entry *entry);
/* A call with its six arguments; NULL: they are not known. */
DUMP_HIDDEN void dump_put_call(struct dump *dump, int64_t number, const uint64_t *arguments);

/* ---- Threads (dump-thread.c) ---- */

struct dump_thread {
	bool is_known, is_in_call; /* it runs; it is in the kernel, for a call if number is not -1 */
	int64_t number;
	uint64_t arguments[6], stack_pointer, pc;
};

DUMP_HIDDEN void dump_look_at_thread(struct dump_thread *thread, uint32_t thread_id);

/* ---- All of it (dump.c) ---- */

struct dump {
	struct dump_text text;
	struct dump_memory memory;
	struct dump_modules modules;
	struct dump_stack stack;
	uint64_t now, ticks;        /* CLOCK_MONOTONIC in ns, and the table's clock */
	uint64_t since_ns, since_ticks; /* how much both have gone on since the table was made */
	int pagemap;
	uint64_t looks;             /* entries that may still be looked at for a name */
	uint64_t named, named_entry;
};

/* Writes the dump. `place`: where the calling thread's own fibril is. */
DUMP_HIDDEN int64_t dump_write(int descriptor, const struct dump_place *place);
/* A file of /proc; returns how many bytes of it there are, or -errno. */
DUMP_HIDDEN int64_t dump_read_file(const char *path, char *bytes, size_t count);

/* ---- The table (dump-table.c) ---- */

/* Is called with the address of each entry that is in use. */
struct dump_visit {
	void (*entry)(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address, void *context);
	void *context;
};

/* Copies one of the table's structures, all of which stay where they are. */
DUMP_HIDDEN bool dump_read_table(struct dump *dump, void *to, uint64_t from, size_t bytes);
/* A slot by its index; false: it is free. */
DUMP_HIDDEN bool dump_read_slot(struct dump *dump, uint32_t index, struct fibril_task_slot *slot);
DUMP_HIDDEN void dump_visit_task(struct dump *dump, const struct fibril_task_slot *slot,
				 const struct dump_visit *visit);
DUMP_HIDDEN void dump_visit_all(struct dump *dump, const struct dump_visit *visit);
/* The name at an index of the name table into room for 64 bytes. */
DUMP_HIDDEN void dump_name_at(uint32_t index, char name[64]);
/* A fibril's name into room for 64 bytes; empty if it has none, or if it would take too long to look for it. */
DUMP_HIDDEN void dump_name_of(struct dump *dump, uint64_t fibril, char name[64]);

/* ---- Its parts (dump-header.c, dump-fibril.c) ---- */

/* The thread that writes the dump. */
struct dump_self {
	const struct dump_place *place;
	uint32_t thread;
};

/* What comes in front of everything else. */
DUMP_HIDDEN void dump_put_command(struct dump *dump);
/* Counts, and a line of each task. */
DUMP_HIDDEN void dump_put_header(struct dump *dump);
/* The fibril of an entry; `context` is a struct dump_self. */
DUMP_HIDDEN void dump_put_fibril(struct dump *dump, const struct fibril_task_slot *slot, uint64_t address,
				 void *context);

#endif
