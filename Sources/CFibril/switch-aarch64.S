/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch on AArch64, AAPCS64. The same routines stand in switch-x86_64.S. */
#if defined(__aarch64__)

/*
 * void fibril_context_switch(uint64_t *save_sp /x0/, uint64_t next_sp /x1/, uint64_t left /x2/,
 *                            int *error /x3/)
 *
 * Goes on at the pc that lies at next_sp, with left in x2 and the FPCR of the side that is left in x3. What lies at a saved
 * stack pointer, lowest address first (FIBRIL_CONTEXT_AARCH64):
 *
 *     sp -> | x29 | pc | x19 .. x28 | d8 .. d15 | x30 | error | fpcr | - | the caller's frame ...
 *             0     8    16           96          160   168     176        192
 */
	.text
	.globl	fibril_context_switch
	.hidden	fibril_context_switch
	.type	fibril_context_switch, %function
	.balign	16
fibril_context_switch:
	.cfi_startproc
	sub	sp, sp, #192
	.cfi_adjust_cfa_offset 192
	adr	x9, .Lresume
	stp	x29, x9, [sp]
	.cfi_rel_offset x29, 0
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	stp	d8, d9, [sp, #96]
	stp	d10, d11, [sp, #112]
	stp	d12, d13, [sp, #128]
	stp	d14, d15, [sp, #144]
	ldr	w3, [x3]
	stp	x30, x3, [sp, #160]
	.cfi_rel_offset x30, 160
	mrs	x3, fpcr
	str	x3, [sp, #176]
	mov	x9, sp
	str	x9, [x0]
.Lcontinue:
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
	ldp	x29, x9, [sp], #160
	.cfi_adjust_cfa_offset -160
	.cfi_restore x29
	br	x9
	/*
	 * Where a parked fibril goes on: its errno, how its floating-point arithmetic rounds, and what
	 * fibril_note_left does, then back to the caller. Unwinders take it for a return address and look at
	 * the instruction before: the rules are alike.
	 */
.Lresume:
	ldr	x9, [sp, #16]
	cmp	x9, x3
	b.eq	1f
	msr	fpcr, x9
1:	ldp	x30, x0, [sp], #32
	.cfi_adjust_cfa_offset -32
	.cfi_restore x30
	adrp	x9, :gottprel:fibril_thread_error
	ldr	x9, [x9, #:gottprel_lo12:fibril_thread_error]
	mrs	x10, tpidr_el0
	ldr	x9, [x10, x9]
	str	w0, [x9]
	cbz	x2, 2f
	ldr	w9, [x2]
	add	w9, w9, #1
	stlr	w9, [x2]
	ldrb	w9, [x2, #4]
	cmp	w9, #4
	b.ne	2f
	mov	x0, x2
	adrp	x9, fibril_bury
	ldr	x9, [x9, #:lo12:fibril_bury]
	br	x9
2:	ret
	.cfi_endproc
	.size	fibril_context_switch, . - fibril_context_switch

/*
 * Where a new fibril begins: the function to call lies in x19, its first argument in x20, the others
 * are left and the FPCR of the side that was left. x29 is zero and the return address undefined: the stack
 * ends here for every unwinder. The function returns, when the fibril has ended, where to go on
 * (struct fibril_departure: x0, x1); left is then its first argument.
 */
	.globl	fibril_context_start
	.hidden	fibril_context_start
	.type	fibril_context_start, %function
	.balign	16
fibril_context_start:
	.cfi_startproc
	.cfi_undefined x30
	mov	x0, x20
	mov	x1, x2
	mov	x2, x3
	blr	x19
	adrp	x9, fibril_tools_on
	ldrb	w9, [x9, :lo12:fibril_tools_on]
	cbnz	w9, .Ltell_tools
.Ldepart:
	mov	x3, x1
	mov	x1, x0
	mov	x2, x20
	b	.Lcontinue
.Ltell_tools:
	mov	x21, x0
	mov	x22, x1
	mov	x0, #0
	bl	fibril_tools_leave
	mov	x0, x21
	mov	x1, x22
	b	.Ldepart
	.cfi_endproc
	.size	fibril_context_start, . - fibril_context_start

	.section .note.GNU-stack, "", %progbits
#endif
