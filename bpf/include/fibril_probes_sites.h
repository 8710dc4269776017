/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of the implementation of fibril_probes.h: the probe sites, their notes and their semaphores.
 *
 * Each site is a function of its own, written in assembly so that nothing lies below the stack pointer when a
 * tracer replaces it: kernels from 6.18 on turn a 5-byte nop into a call, which overwrites a compiled leaf
 * function's red zone. On x86-64 the nop here has 1 byte, which is never turned into one. Arguments are where a
 * C caller puts them. All sites stand in one section: with a section a site, gold with --gc-sections drops those
 * that only a note refers to.
 */
#if defined(__x86_64__)
#define FIBRIL_ARGUMENTS_3 "8@%rdi 8@%rsi 8@%rdx"
#define FIBRIL_ARGUMENTS_4 FIBRIL_ARGUMENTS_3 " 8@%rcx"
#define FIBRIL_ARGUMENTS_5 FIBRIL_ARGUMENTS_4 " 8@%r8"
#define FIBRIL_ARGUMENTS_6 FIBRIL_ARGUMENTS_5 " 8@%r9"
#elif defined(__aarch64__)
#define FIBRIL_ARGUMENTS_3 "8@x0 8@x1 8@x2"
#define FIBRIL_ARGUMENTS_4 FIBRIL_ARGUMENTS_3 " 8@x3"
#define FIBRIL_ARGUMENTS_5 FIBRIL_ARGUMENTS_4 " 8@x4"
#define FIBRIL_ARGUMENTS_6 FIBRIL_ARGUMENTS_5 " 8@x5"
#else
#error "fibril_probes.h knows x86-64 and AArch64"
#endif

#define FIBRIL_SITE(name, arguments)                                                              \
	__asm__("	.pushsection .text\n"                                                    \
		"	.globl	fibril_probe_" name "\n"                                          \
		"	.hidden	fibril_probe_" name "\n"                                          \
		"	.type	fibril_probe_" name ", %function\n"                               \
		"	.balign	16\n"                                                             \
		"fibril_probe_" name ":\n"                                                        \
		"	.cfi_startproc\n"                                                         \
		".Lfibril_site_" name ":\n"                                                       \
		"	nop\n"                                                                    \
		"	ret\n"                                                                    \
		"	.cfi_endproc\n"                                                           \
		"	.size	fibril_probe_" name ", . - fibril_probe_" name "\n"               \
		"	.popsection\n"                                                            \
		"	.pushsection .note.stapsdt, \"\", %note\n"                                \
		"	.balign	4\n"                                                              \
		"	.4byte	8, .Lfibril_end_" name " - .Lfibril_note_" name ", 3\n"           \
		"	.asciz	\"stapsdt\"\n"                                                    \
		".Lfibril_note_" name ":\n"                                                       \
		"	.8byte	.Lfibril_site_" name ", _.stapsdt.base, fibril_" name "_semaphore\n" \
		"	.asciz	\"fibril\"\n"                                                     \
		"	.asciz	\"" name "\"\n"                                                   \
		"	.asciz	\"" arguments "\"\n"                                              \
		".Lfibril_end_" name ":\n"                                                        \
		"	.balign	4\n"                                                              \
		"	.popsection\n")

#define FIBRIL_SEMAPHORE(name)                                 \
	"	.globl	fibril_" name "_semaphore\n"           \
	"	.hidden	fibril_" name "_semaphore\n"           \
	"	.type	fibril_" name "_semaphore, %object\n"  \
	"	.size	fibril_" name "_semaphore, 2\n"        \
	"fibril_" name "_semaphore:\n"                         \
	"	.2byte	0\n"

FIBRIL_SITE("switch", FIBRIL_ARGUMENTS_4);
FIBRIL_SITE("block", FIBRIL_ARGUMENTS_5);
FIBRIL_SITE("wake", FIBRIL_ARGUMENTS_4);
FIBRIL_SITE("batch", FIBRIL_ARGUMENTS_4);
FIBRIL_SITE("submit", FIBRIL_ARGUMENTS_6);
FIBRIL_SITE("teardown", FIBRIL_ARGUMENTS_3);
FIBRIL_SITE("task_start", FIBRIL_ARGUMENTS_4);
FIBRIL_SITE("task_stop", FIBRIL_ARGUMENTS_4);

/*
 * They lie side by side so that an event looks at its own and at batch's with one 8-byte load: switch, block and
 * wake at offset 0, submit, teardown and task_start at offset 6, where batch comes first.
 */
__asm__(
	"	.pushsection .probes, \"aw\", %progbits\n"
	"	.balign	16\n"
	"	.globl	fibril_semaphores\n"
	"	.hidden	fibril_semaphores\n"
	"fibril_semaphores:\n"
	FIBRIL_SEMAPHORE("switch")
	FIBRIL_SEMAPHORE("block")
	FIBRIL_SEMAPHORE("wake")
	FIBRIL_SEMAPHORE("batch")
	FIBRIL_SEMAPHORE("submit")
	FIBRIL_SEMAPHORE("teardown")
	FIBRIL_SEMAPHORE("task_start")
	FIBRIL_SEMAPHORE("task_stop")
	"	.popsection\n"
	"	.pushsection .stapsdt.base, \"aG\", %progbits, .stapsdt.base, comdat\n"
	"	.weak	_.stapsdt.base\n"
	"	.hidden	_.stapsdt.base\n"
	"_.stapsdt.base:\n"
	"	.space	1\n"
	"	.size	_.stapsdt.base, 1\n"
	"	.popsection\n");

/* Arguments as contract A lists them. */
void fibril_probe_task_start(uint64_t task, uint64_t tid, const void *buffer, uint64_t root) FIBRIL_HIDDEN;
void fibril_probe_task_stop(uint64_t task, uint64_t tid, const void *buffer, uint64_t root) FIBRIL_HIDDEN;
void fibril_probe_submit(uint64_t task, uint64_t fibril, uint64_t parent, int64_t call, uint64_t entry,
			 const char *name) FIBRIL_HIDDEN;
void fibril_probe_switch(uint64_t task, uint64_t previous, uint64_t next, uint64_t previous_state) FIBRIL_HIDDEN;
void fibril_probe_block(uint64_t task, uint64_t fibril, uint64_t reason, uint64_t object, uint64_t deadline)
	FIBRIL_HIDDEN;
void fibril_probe_wake(uint64_t task, uint64_t fibril, uint64_t waker_task, uint64_t waker_fibril) FIBRIL_HIDDEN;
void fibril_probe_teardown(uint64_t task, uint64_t fibril, int64_t result) FIBRIL_HIDDEN;
void fibril_probe_batch(uint64_t task, const void *records, uint64_t bytes, uint64_t first) FIBRIL_HIDDEN;

extern const volatile uint16_t fibril_task_start_semaphore FIBRIL_HIDDEN, fibril_task_stop_semaphore FIBRIL_HIDDEN,
	fibril_submit_semaphore FIBRIL_HIDDEN, fibril_switch_semaphore FIBRIL_HIDDEN,
	fibril_block_semaphore FIBRIL_HIDDEN, fibril_wake_semaphore FIBRIL_HIDDEN,
	fibril_teardown_semaphore FIBRIL_HIDDEN, fibril_batch_semaphore FIBRIL_HIDDEN;
