// The library's bare switch: two stacks that switch to each other. Not a peer, but the library does not
// export it; so this is built with the library's own assembly. What a switch of fibrils carries besides
// (errno, floating-point control, who was left) is part of every yield.
#include <stdint.h>

#include "timing.h"

void raw_switch(uint64_t *save_sp, uint64_t next_sp);
void raw_start(void);

static uint64_t main_sp, other_sp;
static unsigned char stack[65536] __attribute__((aligned(16)));

static __attribute__((noreturn)) void other(uint64_t *rounds)
{
	for (;;) {
		++*rounds;
		raw_switch(&other_sp, main_sp);
	}
}

int main(void)
{
	const uint64_t count = 20000000;
	uint64_t rounds = 0;
	uint64_t *frame = (uint64_t *)(stack + sizeof stack) - 9;

	/* pc, r15, r14, r13, r12, rbx, rbp, as the switch pops them. */
	frame[0] = (uint64_t)raw_start;
	frame[3] = (uint64_t)&rounds;
	frame[4] = (uint64_t)other;
	other_sp = (uint64_t)frame;
	double start = now_ns();
	for (uint64_t i = 0; i < count; i++)
		raw_switch(&main_sp, other_sp);
	report_ns(start, 2.0 * count);
	if (rounds != count)
		fail("switches were lost");
	return 0;
}
