/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch on x86-64, System V ABI. The same routines stand in switch-aarch64.S. */
#if defined(__x86_64__)

/*
 * void fibril_context_switch(uint64_t *save_sp /rdi/, uint64_t next_sp /rsi/)
 *
 * Saves what a callee must preserve on the running stack, stores the stack pointer to *save_sp,
 * takes next_sp and restores from there. What lies at a saved stack pointer, lowest address first
 * (enum fibril_context, FIBRIL_CONTEXT_X86_64):
 *
 *     sp -> | pc | r15 | r14 | r13 | r12 | rbx | rbp | the caller's frame ...
 *             0    8     16    24    32    40    48    56
 *
 * The return address is moved below the registers and left by an indirect jump: a `ret` would be
 * predicted to go back to the caller of the stack that was left.
 *
 * The floating-point control words are callee-saved as well by the ABI; the scheduler switches them.
 */
	.text
	.globl	fibril_context_switch
	.hidden	fibril_context_switch
	.type	fibril_context_switch, @function
	.balign	16
fibril_context_switch:
	.cfi_startproc
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rdx
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	pushq	%rdx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rip, 0
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	/* The frame is laid out alike on every stack, so the rules stay true across the line above. */
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rdx
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	jmpq	*%rdx
	.cfi_endproc
	.size	fibril_context_switch, . - fibril_context_switch

/*
 * Where a new fibril begins: fibril_context_prepare puts its address into the pc slot, the function
 * to call into r12 and its argument into r13. The stack pointer is a multiple of 16 here, so that
 * the call leaves it as the ABI wants it at a function's entry. rip is undefined and rbp zero: the
 * stack ends here for every unwinder.
 */
	.globl	fibril_context_start
	.hidden	fibril_context_start
	.type	fibril_context_start, @function
	.balign	16
fibril_context_start:
	.cfi_startproc
	.cfi_undefined %rip
	movq	%r13, %rdi
	callq	*%r12
	ud2
	.cfi_endproc
	.size	fibril_context_start, . - fibril_context_start

	.section .note.GNU-stack, "", @progbits
#endif
