/* SPDX-License-Identifier: Apache-2.0 */
/* A helper's system call on x86-64, which can be interrupted at any moment. Likewise in call-aarch64.S. */
#if defined(__x86_64__)

/*
 * int64_t fibril_helper_call(const struct fibril_helper *helper /rdi/, int64_t number /rsi/,
 *                            const uint64_t arguments[6] /rdx/)
 *
 * Makes the call unless bit 0 of the helper's first word says that it is interrupted; then its result
 * is -EINTR. A signal that is handled between that look and the entry into the kernel would be gone
 * before the call waits: the handler finds the pc in [fibril_helper_call_test, fibril_helper_call_done)
 * and moves it to fibril_helper_call_interrupted. Later the kernel itself ends the call.
 */
	.text
	.globl	fibril_helper_call
	.hidden	fibril_helper_call
	.type	fibril_helper_call, @function
	.balign	16
fibril_helper_call:
	.cfi_startproc
	movq	%rdi, %r11
	movq	%rsi, %rax
	movq	%rdx, %rcx
	movq	(%rcx), %rdi
	movq	8(%rcx), %rsi
	movq	16(%rcx), %rdx
	movq	24(%rcx), %r10
	movq	32(%rcx), %r8
	movq	40(%rcx), %r9
	.globl	fibril_helper_call_test
	.hidden	fibril_helper_call_test
fibril_helper_call_test:
	testb	$1, (%r11)
	jnz	fibril_helper_call_interrupted
	syscall
	.globl	fibril_helper_call_done
	.hidden	fibril_helper_call_done
fibril_helper_call_done:
	retq
	.globl	fibril_helper_call_interrupted
	.hidden	fibril_helper_call_interrupted
fibril_helper_call_interrupted:
	movq	$-4, %rax	/* -EINTR */
	retq
	.cfi_endproc
	.size	fibril_helper_call, . - fibril_helper_call

/* Where a signal handler that was installed by the bare system call returns to: rt_sigreturn. */
	.globl	fibril_signal_return
	.hidden	fibril_signal_return
	.type	fibril_signal_return, @function
	.balign	16
fibril_signal_return:
	movq	$15, %rax
	syscall
	.size	fibril_signal_return, . - fibril_signal_return

	.section .note.GNU-stack, "", @progbits
#endif
