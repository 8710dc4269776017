// Parks many stacks, each twelve functions deep, for dumps to be taken: `contexts` makes them with swapcontext and
// shows them in a fibril table, as any runtime could; `threads` are plain ones, for gdb.
#define _GNU_SOURCE
#define FIBRIL_PROBES_TABLE
#define FIBRIL_PROBES_IMPLEMENTATION
#include <fibril_probes.h>

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "timing.h"

enum { depth = 12, context_bytes = 16 << 10, thread_bytes = 128 << 10 };

static ucontext_t scheduler;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static uint64_t parked;
static volatile unsigned kept;

/* A thread waits; a stack of its own is left for that of the scheduler. */
__attribute__((noipa)) static void park_here(ucontext_t *context)
{
	if (context) {
		swapcontext(context, &scheduler);
	} else {
		pthread_mutex_lock(&lock);
		parked++;
		for (;;)
			pthread_cond_wait(&never, &lock);
	}
	kept++;
}

__attribute__((noipa)) static void level_odd(unsigned left, ucontext_t *context);

__attribute__((noipa)) static void level_even(unsigned left, ucontext_t *context)
{
	if (left == 0)
		park_here(context);
	else
		level_odd(left - 1, context);
	kept++;
}

__attribute__((noipa)) static void level_odd(unsigned left, ucontext_t *context)
{
	if (left == 0)
		park_here(context);
	else
		level_even(left - 1, context);
	kept += 2;
}

static void *in_thread(void *ignored)
{
	level_even(depth - 2, NULL);
	return ignored;
}

static void in_context(unsigned low, unsigned high)
{
	level_even(depth - 2, (ucontext_t *)((uintptr_t)low | (uintptr_t)high << 32));
	kept++;
}

static void start_threads(uint64_t count)
{
	pthread_attr_t attributes;
	pthread_t thread;
	uint64_t waiting = 0;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, thread_bytes);
	for (uint64_t i = 0; i < count; i++)
		if (pthread_create(&thread, &attributes, in_thread, NULL) != 0)
			fail("no more threads can be made");
	while (waiting < count) {
		usleep(1000);
		pthread_mutex_lock(&lock);
		waiting = parked;
		pthread_mutex_unlock(&lock);
	}
}

#if defined(__x86_64__)
/* What a tracer wants to find at the stack pointer is what swapcontext has put elsewhere; below it there is room. */
static uintptr_t saved_context(const ucontext_t *context)
{
	static const int order[] = {REG_RIP, REG_R15, REG_R14, REG_R13, REG_R12, REG_RBX, REG_RBP};
	uint64_t *words = (uint64_t *)context->uc_mcontext.gregs[REG_RSP] - 7;

	for (int i = 0; i < 7; i++)
		words[i] = (uint64_t)context->uc_mcontext.gregs[order[i]];
	return (uintptr_t)words;
}

static void start_contexts(uint64_t count)
{
	static struct fibril_task_slot slot;
	static uint64_t chunk;
	struct fibril_entry *entries = calloc(count, sizeof *entries);
	char *stacks = mmap(NULL, count * context_bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	static ucontext_t context;

	if (!entries || stacks == MAP_FAILED)
		fail("no memory for so many stacks");
	fibril_table_publish("Parked stacks", &slot, 1, FIBRIL_CONTEXT_X86_64);
	for (uint64_t i = 0; i < count; i++) {
		struct fibril_entry *entry = &entries[i];
		char *stack = stacks + i * context_bytes;

		getcontext(&context);
		context.uc_stack.ss_sp = stack;
		context.uc_stack.ss_size = context_bytes;
		context.uc_link = NULL;
		makecontext(&context, (void (*)(void))in_context, 2, (unsigned)(uintptr_t)&context,
			    (unsigned)((uintptr_t)&context >> 32));
		swapcontext(&scheduler, &context);
		*entry = (struct fibril_entry){
			.state = FIBRIL_STATE_BLOCKED, .reason = FIBRIL_REASON_WAKE_TARGET, .id = i + 1,
			.stack_pointer = saved_context(&context), .since = fibril_ticks(),
			.stack_low = (uintptr_t)stack, .stack_high = (uintptr_t)stack + context_bytes,
			.entry = (uintptr_t)in_context, .call = -1,
		};
	}
	chunk = (uintptr_t)entries;
	slot.tid = (uint32_t)gettid();
	slot.chunks = (uintptr_t)&chunk;
	slot.chunk_count = 1;
	slot.chunk_entries = (uint32_t)count;
	__atomic_store_n(&slot.task, 1, __ATOMIC_RELEASE);
}
#else
static void start_contexts(uint64_t count)
{
	(void)count;
	fail("what swapcontext saves is not known on this architecture");
}
#endif

int main(int count, char **arguments)
{
	if (count != 3)
		fail("usage: parked-stacks contexts|threads COUNT");
	if (strcmp(arguments[1], "contexts") == 0)
		start_contexts(strtoull(arguments[2], NULL, 10));
	else
		start_threads(strtoull(arguments[2], NULL, 10));
	puts("parked");
	fflush(stdout);
	/* Until whoever has started it closes its input. */
	while (getchar() != EOF)
		;
}
