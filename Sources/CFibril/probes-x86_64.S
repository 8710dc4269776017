/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contract A on x86-64: the probe sites of provider "fibril", their notes and their semaphores.
 *
 * Each site is a function of its own, written here so that nothing lies below the stack pointer
 * when a tracer replaces the site: kernels from 6.18 on turn a 5-byte nop into a call, which
 * overwrites a compiled leaf function's red zone. The site is a 1-byte nop, which is never turned
 * into one. Arguments are where a C caller puts them. All sites stand in one section: with a
 * section a site, gold with --gc-sections drops those that only a note refers to.
 */
#if defined(__x86_64__)

	.macro FIBRIL_SITE name, arguments
	.globl	fibril_probe_\name
	.hidden	fibril_probe_\name
	.type	fibril_probe_\name, @function
	.balign	16
fibril_probe_\name:
	.cfi_startproc
.Lsite_\name:
	nop
	ret
	.cfi_endproc
	.size	fibril_probe_\name, . - fibril_probe_\name

	.pushsection .note.stapsdt, "", @note
	.balign	4
	.4byte	.Lvendor_end_\name - .Lvendor_\name
	.4byte	.Ldesc_end_\name - .Ldesc_\name
	.4byte	3
.Lvendor_\name:
	.asciz	"stapsdt"
.Lvendor_end_\name:
	.balign	4
.Ldesc_\name:
	.8byte	.Lsite_\name
	.8byte	_.stapsdt.base
	.8byte	fibril_\name\()_semaphore
	.asciz	"fibril"
	.asciz	"\name"
	.asciz	"\arguments"
.Ldesc_end_\name:
	.balign	4
	.popsection
	.endm

	.text
	FIBRIL_SITE switch, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE block, "8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8"
	FIBRIL_SITE wake, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE batch, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE submit, "8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9"
	FIBRIL_SITE teardown, "8@%rdi 8@%rsi 8@%rdx"
	FIBRIL_SITE task_start, "8@%rdi 8@%rsi 8@%rdx"
	FIBRIL_SITE task_stop, "8@%rdi 8@%rsi 8@%rdx"

#define FIBRIL_OBJECT @object
#define FIBRIL_PROGBITS @progbits
#include "semaphores.inc"
#endif
