// The library's own context switch, bare: two stacks that switch to each other. Not a peer, but the
// library does not export it; so this is built with the assembly file itself.
#include <fibril_context.h>

#include "timing.h"

static uint64_t main_sp, other_sp;
static unsigned char stack[65536] __attribute__((aligned(16)));

static void other(void *argument)
{
	uint64_t *rounds = argument;

	for (;;) {
		++*rounds;
		fibril_context_switch(&other_sp, main_sp);
	}
}

int main(void)
{
	const uint64_t count = 20000000;
	uint64_t rounds = 0;

	other_sp = fibril_context_prepare((uint64_t)(stack + sizeof stack), other, &rounds);
	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		fibril_context_switch(&main_sp, other_sp);
	report_ns(start, 2.0 * count);
	if (rounds != count)
		fail("switches were lost");
	return 0;
}
