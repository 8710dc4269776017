/* SPDX-License-Identifier: Apache-2.0 */
/* The context switch on x86-64, System V ABI. The same routines stand in switch-aarch64.S. */
#if defined(__x86_64__)
#include "switch-x86_64.inc"

/*
 * void fibril_context_switch(uint64_t *save_sp /rdi/, uint64_t next_sp /rsi/, uint64_t left /rdx/,
 *                            int *error /rcx/)
 *
 * Saves what a callee must preserve on the running stack, stores the stack pointer to *save_sp,
 * takes next_sp and goes on at the pc that lies there, with left in rdx, the address of errno in rcx, and MXCSR
 * and the x87 control word as the side that is left had them in r8 and r9. What lies at a saved stack pointer, lowest
 * address first (enum fibril_context, FIBRIL_CONTEXT_X86_64):
 *
 *     sp -> | pc | r15 | r14 | r13 | r12 | rbx | rbp | error | mxcsr, x87 | return address ...
 *             0    8     16    24    32    40    48    56      64    68     72
 *
 * Reading MXCSR takes Zen 12 cycles, so each switch reads it once, and writes it where it differs.
 * It ends in a jump: a `ret` would be predicted to go back to the caller of the side that was left.
 */
	.text
	.globl	fibril_context_switch
	.hidden	fibril_context_switch
	.type	fibril_context_switch, @function
	.balign	16
fibril_context_switch:
	.cfi_startproc
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rcx), %eax
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	movl	8(%rsp), %r8d
	movzwl	12(%rsp), %r9d
	leaq	.Lresume(%rip), %rax
	SAVE_CONTEXT
.Lcontinue:
	RESTORE_CONTEXT
	/* Nearly always it goes on below: a branch that is not taken costs less than a jump through a register. */
	leaq	.Lresume(%rip), %rdi
	cmpq	%rdi, %rax
	jne	.Lfresh
	/*
	 * Where a parked fibril goes on: its errno, how its floating-point arithmetic rounds, and what
	 * fibril_note_left does (here, because a frame for it would cost as much as the rest), then back to
	 * the caller. Unwinders take it for a return address and look at the byte before: the rules are alike.
	 */
.Lresume:
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	movl	%edi, (%rcx)
	/* All but MXCSR's sticky flags. */
	xorl	(%rsp), %r8d
	andl	$0xffffffc0, %r8d
	xorw	4(%rsp), %r9w
	orl	%r9d, %r8d
	jne	.Lfloat_control_differs
.Larrive:
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	incl	(%rdx)
	cmpb	$4, 4(%rdx)
	je	.Lended
.Lreturn:
	popq	%rax
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rax
	jmpq	*%rax
	.cfi_restore %rip
	.cfi_adjust_cfa_offset 8
.Lended:
	movq	%rdx, %rdi
	jmpq	*fibril_bury(%rip)
	.cfi_adjust_cfa_offset 8
.Lfresh:
	jmpq	*%rax
.Lfloat_control_differs:
	ldmxcsr	(%rsp)
	fldcw	4(%rsp)
	jmp	.Larrive
	.cfi_endproc
	.size	fibril_context_switch, . - fibril_context_switch

/*
 * Where a new fibril begins: fibril_context_prepare puts its address into the pc slot, the function
 * to call into r12 and its first argument into r13; the others are left and fibril_float_control() of
 * the side that was left. The stack pointer is a multiple of 16 here, so that the call leaves it as the ABI wants it
 * at a function's entry. rip is undefined and rbp zero: the stack ends here for every unwinder.
 *
 * The function returns, when the fibril has ended, where to go on (struct fibril_departure: rax, rdx);
 * left is then its first argument.
 */
	.globl	fibril_context_start
	.hidden	fibril_context_start
	.type	fibril_context_start, @function
	.balign	16
fibril_context_start:
	.cfi_startproc
	.cfi_undefined %rip
	movq	%r13, %rdi
	movq	%rdx, %rsi
	andl	$0xffffffc0, %r8d
	movq	%r9, %rdx
	shlq	$32, %rdx
	orq	%r8, %rdx
	callq	*%r12
	cmpb	$0, fibril_tools_on(%rip)
	jne	.Ltell_tools
.Ldepart:
	movq	%rax, %rsi
	movl	%edx, %r8d
	movq	%rdx, %r9
	shrq	$32, %r9
	movq	%r13, %rdx
	movq	fibril_thread_error@gottpoff(%rip), %rcx
	movq	%fs:(%rcx), %rcx
	jmp	.Lcontinue
.Ltell_tools:
	movq	%rax, %r14
	movq	%rdx, %r15
	xorl	%edi, %edi
	callq	fibril_tools_leave
	movq	%r14, %rax
	movq	%r15, %rdx
	jmp	.Ldepart
	.cfi_endproc
	.size	fibril_context_start, . - fibril_context_start

	.section .note.GNU-stack, "", @progbits
#endif
