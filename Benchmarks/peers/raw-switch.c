// The library's own context switch, bare: two stacks that switch to each other, with errno, floating-point
// control and the entry of who was left, as the scheduler calls it. Not a peer, but the library does not
// export it; so this is built with the assembly file itself.
#include <errno.h>
#include <fibril_context.h>

#include "timing.h"

/* What the assembly refers to. */
__thread int *fibril_thread_error __attribute__((tls_model("initial-exec"), visibility("hidden")));
void (*fibril_bury)(struct fibril_entry *entry);

static uint64_t main_sp, other_sp;
static struct fibril_entry main_entry, other_entry;
static unsigned char stack[65536] __attribute__((aligned(16)));

static __attribute__((noreturn)) struct fibril_departure other(void *argument, uint64_t left, uint64_t float_control)
{
	uint64_t *rounds = argument;

	fibril_note_left(left);
	(void)float_control;
	for (;;) {
		++*rounds;
		fibril_context_switch(&other_sp, main_sp, (uint64_t)&other_entry, errno);
	}
}

int main(void)
{
	const uint64_t count = 20000000;
	uint64_t rounds = 0;

	fibril_thread_error = &errno;
	other_sp = fibril_context_prepare((uint64_t)(stack + sizeof stack), other, &rounds);
	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		fibril_context_switch(&main_sp, other_sp, (uint64_t)&main_entry, errno);
	report_ns(start, 2.0 * count);
	if (rounds != count || main_entry.sequence != (uint32_t)count)
		fail("switches were lost");
	return 0;
}
