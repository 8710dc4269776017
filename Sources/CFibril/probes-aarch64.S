/* SPDX-License-Identifier: Apache-2.0 */
/* Contract A on AArch64; the reasons stand in probes-x86_64.S. */
#if defined(__aarch64__)

	.macro FIBRIL_SITE name, arguments
	.globl	fibril_probe_\name
	.hidden	fibril_probe_\name
	.type	fibril_probe_\name, %function
	.balign	16
fibril_probe_\name:
	.cfi_startproc
.Lsite_\name:
	nop
	ret
	.cfi_endproc
	.size	fibril_probe_\name, . - fibril_probe_\name

	.pushsection .note.stapsdt, "", %note
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
	FIBRIL_SITE switch, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE block, "8@x0 8@x1 8@x2 8@x3 8@x4"
	FIBRIL_SITE wake, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE batch, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE submit, "8@x0 8@x1 8@x2 8@x3 8@x4 8@x5"
	FIBRIL_SITE teardown, "8@x0 8@x1 8@x2"
	FIBRIL_SITE task_start, "8@x0 8@x1 8@x2"
	FIBRIL_SITE task_stop, "8@x0 8@x1 8@x2"

#define FIBRIL_OBJECT %object
#define FIBRIL_PROGBITS %progbits
#include "semaphores.inc"
#endif
