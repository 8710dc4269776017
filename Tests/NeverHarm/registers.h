/* Calls a probe site with something in every register and below the stack pointer: is it still there afterwards? */
#ifndef REGISTERS_H
#define REGISTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)

/* What registers.S reads and writes; offsets stand there too. */
struct machine_state {
	uint64_t general[15];    /* rax, rbx, rcx, rdx, rsi, rdi, rbp, r8 to r15 */
	uint64_t flags;          /* at 120 */
	uint32_t mxcsr, control; /* at 128: of SSE and x87 */
	uint64_t unused;
	uint64_t x87[6][2];      /* at 144: 80 bits each */
	uint64_t below[16];      /* at 240: the red zone of the site */
	uint64_t unused2[2];
	uint64_t vectors[32][8]; /* at 384 */
	uint64_t masks[8];       /* at 2432 */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct machine_state) == 2496, "registers.S knows where everything lies");

/* level: 0 SSE, 1 AVX, 2 AVX-512. */
void call_with_state(const void *site, const struct machine_state *before, struct machine_state *after, int level);

static inline int vector_level(void)
{
	return __builtin_cpu_supports("avx512bw") ? 2 : __builtin_cpu_supports("avx") ? 1 : 0;
}

/* seed decides what is in the registers; false: something has changed. The first argument is 0: an event of no task. */
static bool registers_survive(const void *site, uint64_t seed)
{
	struct machine_state before, after;
	int level = vector_level();
	uint64_t *words = (uint64_t *)&before;

	for (unsigned i = 0; i < sizeof before / 8; i++)
		words[i] = (seed = seed * 6364136223846793005u + 1442695040888963407u);
	for (int i = 2; i < 6; i++)
		before.general[i] = 0; /* so rdx, the bytes of a batch, is 0 too */
	before.flags = 0x202 | (seed & 0x8d5); /* IF, and any of CF, PF, AF, ZF, SF, OF */
	before.mxcsr = 0x1f80 | (uint32_t)(seed >> 20 & 0xe03f); /* no exception is unmasked */
	before.control = 0x037f | (uint32_t)(seed >> 30 & 0x0c00);
	for (int i = 0; i < 6; i++) {
		before.x87[i][0] |= 1ull << 63; /* a normal number */
		before.x87[i][1] = 0x3f00 + (seed >> i & 0xff);
	}
	memcpy(&after, &before, sizeof after);
	memset(after.general, 0, sizeof after.general);
	memset(after.below, 0, sizeof after.below);
	memset(after.x87, 0, sizeof after.x87);
	call_with_state(site, &before, &after, level);
	for (int i = 0; i < 6; i++)
		after.x87[i][1] &= 0xffff;
	return memcmp(&before, &after, sizeof before) == 0;
}

/* It must notice a site that spoils something. */
static inline bool spoiled_registers_are_noticed(void)
{
#define SPOILS(name) ({ extern const char spoils_##name[]; !registers_survive(spoils_##name, 1); })
	return SPOILS(general) && SPOILS(argument) && SPOILS(kept) && SPOILS(flags) && SPOILS(vector) && SPOILS(below) &&
	       SPOILS(far_below) && SPOILS(x87) && SPOILS(control);
}

#else

static inline bool spoiled_registers_are_noticed(void)
{
	return true;
}

static bool registers_survive(const void *site, uint64_t seed)
{
	((void (*)(uint64_t, uint64_t, uint64_t, uint64_t))site)(0, seed & 0, 0, 0);
	return true;
}

#endif
#endif
