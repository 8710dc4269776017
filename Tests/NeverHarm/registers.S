/*
 * void call_with_state(const void *site /rdi/, const struct machine_state *before /rsi/,
 *                      struct machine_state *after /rdx/, int level /ecx/)
 *
 * Fills every register and the 128 bytes below the site's stack pointer from *before, calls the site, and stores what
 * is there now to *after. Above the stack pointer lie: after, a word for rax, the level, the site, MXCSR and the x87
 * control word as the caller has them.
 */
#if defined(__x86_64__)

	.macro EACH_VECTOR last, operation, register, direction, base
	.set index, 0
	.rept \last + 1
	VECTOR \operation, \register, \direction, %index, \base
	.set index, index + 1
	.endr
	.endm

	.altmacro
	.macro VECTOR operation, register, direction, number, base
	.ifc \direction, load
	\operation 384 + 64 * \number(%\base), %\register\number
	.else
	\operation %\register\number, 384 + 64 * \number(%\base)
	.endif
	.endm

	.macro MASKS direction, base
	.irp number, 0, 1, 2, 3, 4, 5, 6, 7
	.ifc \direction, load
	kmovq	2432 + 8 * \number(%\base), %k\number
	.else
	kmovq	%k\number, 2432 + 8 * \number(%\base)
	.endif
	.endr
	.endm

	.macro VECTORS direction, base, level
	cmpl	$1, \level
	je	1f
	jb	2f
	EACH_VECTOR 31, vmovdqu64, zmm, \direction, \base
	MASKS \direction, \base
	jmp	3f
1:	EACH_VECTOR 15, vmovdqu, ymm, \direction, \base
	jmp	3f
2:	EACH_VECTOR 15, movdqu, xmm, \direction, \base
3:
	.endm

	.text
	.globl	call_with_state
	.type	call_with_state, @function
call_with_state:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	subq	$56, %rsp
	movq	%rdx, (%rsp)
	movl	%ecx, 16(%rsp)
	movq	%rdi, 24(%rsp)
	stmxcsr	32(%rsp)
	fnstcw	36(%rsp)
	VECTORS load, rsi, 16(%rsp)
	fninit
	fldcw	132(%rsi)
	.irp place, 144, 160, 176, 192, 208, 224
	fldt	\place(%rsi)
	.endr
	ldmxcsr	128(%rsi)
	.set index, 0
	.rept 16
	movq	240 + 8 * index(%rsi), %rax
	movq	%rax, -136 + 8 * index(%rsp)
	.set index, index + 1
	.endr
	/* Above the words that the site may not touch, and gone before it is called. */
	pushq	120(%rsi)
	popfq
	movq	0(%rsi), %rax
	movq	8(%rsi), %rbx
	movq	16(%rsi), %rcx
	movq	24(%rsi), %rdx
	movq	40(%rsi), %rdi
	movq	48(%rsi), %rbp
	movq	56(%rsi), %r8
	movq	64(%rsi), %r9
	movq	72(%rsi), %r10
	movq	80(%rsi), %r11
	movq	88(%rsi), %r12
	movq	96(%rsi), %r13
	movq	104(%rsi), %r14
	movq	112(%rsi), %r15
	movq	32(%rsi), %rsi
	callq	*24(%rsp)
	movq	%rax, 8(%rsp)
	movq	(%rsp), %rax
	pushfq
	popq	120(%rax)
	movq	%rbx, 8(%rax)
	movq	%rcx, 16(%rax)
	movq	%rdx, 24(%rax)
	movq	%rsi, 32(%rax)
	movq	%rdi, 40(%rax)
	movq	%rbp, 48(%rax)
	movq	%r8, 56(%rax)
	movq	%r9, 64(%rax)
	movq	%r10, 72(%rax)
	movq	%r11, 80(%rax)
	movq	%r12, 88(%rax)
	movq	%r13, 96(%rax)
	movq	%r14, 104(%rax)
	movq	%r15, 112(%rax)
	movq	8(%rsp), %rbx
	movq	%rbx, (%rax)
	stmxcsr	128(%rax)
	movl	$0, 132(%rax)
	fnstcw	132(%rax)
	.irp place, 224, 208, 192, 176, 160, 144
	fstpt	\place(%rax)
	.endr
	.set index, 0
	.rept 16
	movq	-136 + 8 * index(%rsp), %rbx
	movq	%rbx, 240 + 8 * index(%rax)
	.set index, index + 1
	.endr
	VECTORS store, rax, 16(%rsp)
	fninit
	fldcw	36(%rsp)
	ldmxcsr	32(%rsp)
	cmpl	$1, 16(%rsp)
	jb	4f
	vzeroupper
4:	addq	$56, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	call_with_state, . - call_with_state

/* Sites that each spoil one thing. */
	.macro SPOILS name, instruction:vararg
	.globl	spoils_\name
spoils_\name:
	\instruction
	ret
	.endm

	SPOILS general, incq %r11
	SPOILS argument, incq %rcx
	SPOILS kept, incq %rbp
	SPOILS flags, cmc
	SPOILS vector, pxor %xmm15, %xmm15
	SPOILS below, incb -1(%rsp)
	SPOILS far_below, incb -128(%rsp)
	SPOILS x87, fchs
	SPOILS control, fninit

	.section .note.GNU-stack, "", @progbits
#endif
