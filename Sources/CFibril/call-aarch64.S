/* SPDX-License-Identifier: Apache-2.0 */
/* A helper's system call on AArch64, which can be interrupted at any moment. Likewise in call-x86_64.S. */
#if defined(__aarch64__)

/*
 * int64_t fibril_helper_call(const struct fibril_helper *helper /x0/, int64_t number /x1/,
 *                            const uint64_t arguments[6] /x2/)
 *
 * Makes the call unless bit 0 of the helper's first word says that it is interrupted; then its result
 * is -EINTR. A signal that is handled between that look and the entry into the kernel would be gone
 * before the call waits: the handler finds the pc in [fibril_helper_call_test, fibril_helper_call_done)
 * and moves it to fibril_helper_call_interrupted. Later the kernel itself ends the call.
 */
	.text
	.globl	fibril_helper_call
	.hidden	fibril_helper_call
	.type	fibril_helper_call, %function
	.balign	16
fibril_helper_call:
	.cfi_startproc
	mov	x9, x0
	mov	x8, x1
	mov	x10, x2
	ldp	x0, x1, [x10]
	ldp	x2, x3, [x10, #16]
	ldp	x4, x5, [x10, #32]
	.globl	fibril_helper_call_test
	.hidden	fibril_helper_call_test
fibril_helper_call_test:
	ldr	x10, [x9]
	tbnz	x10, #0, fibril_helper_call_interrupted
	svc	#0
	.globl	fibril_helper_call_done
	.hidden	fibril_helper_call_done
fibril_helper_call_done:
	ret
	.globl	fibril_helper_call_interrupted
	.hidden	fibril_helper_call_interrupted
fibril_helper_call_interrupted:
	mov	x0, #-4		/* -EINTR */
	ret
	.cfi_endproc
	.size	fibril_helper_call, . - fibril_helper_call

	.section .note.GNU-stack, "", %progbits
#endif
