/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch on AArch64, AAPCS64. The same routines stand in switch-x86_64.S. */
#if defined(__aarch64__)

/*
 * void fibril_context_switch(uint64_t *save_sp /x0/, uint64_t next_sp /x1/)
 *
 * What lies at a saved stack pointer, lowest address first (FIBRIL_CONTEXT_AARCH64):
 *
 *     sp -> | x29 | x30 (pc) | x19 .. x28 | d8 .. d15 | the caller's frame ...
 *             0     8          16           96          160
 */
	.text
	.globl	fibril_context_switch
	.hidden	fibril_context_switch
	.type	fibril_context_switch, %function
	.balign	16
fibril_context_switch:
	.cfi_startproc
	stp	x29, x30, [sp, #-160]!
	.cfi_adjust_cfa_offset 160
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	mov	x9, sp
	str	x9, [x0]
	mov	sp, x1
	/* The frame is laid out alike on every stack, so the rules stay true across the line above. */
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	d8, d9, [sp, #96]
	ldp	d10, d11, [sp, #112]
	ldp	d12, d13, [sp, #128]
	ldp	d14, d15, [sp, #144]
	ldp	x29, x30, [sp], #160
	.cfi_adjust_cfa_offset -160
	.cfi_restore x29
	.cfi_restore x30
	/* A plain branch: `ret` would be predicted to return to the caller of the stack left. */
	br	x30
	.cfi_endproc
	.size	fibril_context_switch, . - fibril_context_switch

/*
 * Where a new fibril begins: the function to call lies in x19, its argument in x20. x29 is zero and
 * the return address undefined: the stack ends here for every unwinder.
 */
	.globl	fibril_context_start
	.hidden	fibril_context_start
	.type	fibril_context_start, %function
	.balign	16
fibril_context_start:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	blr	x19
	brk	#1
	.cfi_endproc
	.size	fibril_context_start, . - fibril_context_start

	.section .note.GNU-stack, "", %progbits
#endif
