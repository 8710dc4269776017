/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stack overflow says before it ends the program: a handler for SIGSEGV, on a signal stack that
 * each task's thread has, unless the program has a handler of its own. Guards fault with SIGSEGV, both
 * kinds. Everything here is async-signal-safe.
 */
#define _GNU_SOURCE
#include "fibril_overflow.h"
#include "fibril_events.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A frame with all of AVX-512 takes 3.5 KiB, one of the handler's less; only what is touched costs memory. */
enum { SIGNAL_STACK_BYTES = 32 * 1024 };

static __thread struct fibril_task_slot *watched __attribute__((tls_model("initial-exec")));
static __thread void *signal_stack;
static uint64_t page_bytes;

/* The fibril in the guard of whose stack the address lies. */
static const struct fibril_entry *find_overflown(uint64_t address)
{
	if (!watched || !watched->chunks)
		return NULL;
	const uint64_t *chunks = (const uint64_t *)watched->chunks;
	for (uint32_t i = 0; i < watched->chunk_count; i++) {
		const struct fibril_entry *entries = (const struct fibril_entry *)chunks[i];
		for (uint32_t k = 0; k < watched->chunk_entries; k++) {
			const struct fibril_entry *entry = &entries[k];
			bool has_guard = entry->id && !(entry->flags & FIBRIL_ENTRY_ROOT) && entry->stack_low;
			if (has_guard && address < entry->stack_low && address >= entry->stack_low - page_bytes)
				return entry;
		}
	}
	return NULL;
}

struct message {
	char text[320];
	size_t length;
};

static void append(struct message *message, const char *text)
{
	while (*text && message->length < sizeof message->text)
		message->text[message->length++] = *text++;
}

static void append_number(struct message *message, uint64_t number)
{
	char digits[21] = "";
	char *first = digits + sizeof digits - 1;

	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	append(message, first);
}

static void report(const struct fibril_entry *entry)
{
	struct message message = {.length = 0};

	append(&message, "fibril: stack overflow in fibril ");
	append_number(&message, entry->id);
	if (entry->name) {
		append(&message, " \"");
		append(&message, (const char *)fibril_root.names + entry->name * sizeof(struct fibril_name));
		append(&message, "\"");
	}
	append(&message, ": it has used all ");
	append_number(&message, entry->stack_high - entry->stack_low);
	append(&message, " bytes of its stack; spawn it with more stackBytes, or look for endless recursion\n");
	ssize_t written = write(STDERR_FILENO, message.text, message.length);
	(void)written;
}

/*
 * Ends in the default action in any case: the instruction faults again, or what was sent is sent again,
 * so that core file and exit status are those of the signal.
 */
static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)context;
	const struct fibril_entry *entry = info->si_code > 0 ? find_overflown((uint64_t)info->si_addr) : NULL;
	struct sigaction action = {.sa_handler = SIG_DFL};

	if (entry)
		report(entry);
	sigaction(signal, &action, NULL);
	if (info->si_code <= 0)
		syscall(SYS_tgkill, getpid(), gettid(), signal);
}

static void install(void)
{
	struct sigaction old;
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

	page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	if (sigaction(SIGSEGV, NULL, &old) != 0 || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
		return;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, NULL);
}

void fibril_overflow_watch(struct fibril_task_slot *slot)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	stack_t old;

	pthread_once(&once, install);
	watched = slot;
	if (sigaltstack(NULL, &old) != 0 || !(old.ss_flags & SS_DISABLE))
		return;
	void *memory = mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return;
	stack_t stack = {.ss_sp = memory, .ss_size = SIGNAL_STACK_BYTES};
	if (sigaltstack(&stack, NULL) == 0)
		signal_stack = memory;
	else
		munmap(memory, SIGNAL_STACK_BYTES);
}

void fibril_overflow_unwatch(void)
{
	stack_t current, none = {.ss_flags = SS_DISABLE};

	watched = NULL;
	if (!signal_stack)
		return;
	/* The program may have put another one in its place. */
	if (sigaltstack(NULL, &current) == 0 && current.ss_sp == signal_stack)
		sigaltstack(&none, NULL);
	munmap(signal_stack, SIGNAL_STACK_BYTES);
	signal_stack = NULL;
}
