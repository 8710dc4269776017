/* The library's bare switch of stacks as a function: void raw_switch(uint64_t *save_sp, uint64_t next_sp). */
#include "switch-x86_64.inc"

	.text
	.globl	raw_switch
	.type	raw_switch, @function
	.balign	16
raw_switch:
	.cfi_startproc
	popq	%rax
	.cfi_adjust_cfa_offset -8
	SAVE_CONTEXT
	RESTORE_CONTEXT
	jmpq	*%rax
	.cfi_endproc
	.size	raw_switch, . - raw_switch

/* Where a new stack begins: calls r12 with r13. */
	.globl	raw_start
	.type	raw_start, @function
	.balign	16
raw_start:
	movq	%r13, %rdi
	callq	*%r12
	ud2
	.size	raw_start, . - raw_start

	.section .note.GNU-stack, "", @progbits
