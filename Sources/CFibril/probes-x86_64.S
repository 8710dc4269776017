/* SPDX-License-Identifier: Apache-2.0 */
/* Contract A on x86-64: the probe sites of provider "fibril", their notes and their semaphores. */
#if defined(__x86_64__)

#define FIBRIL_FUNCTION @function
#define FIBRIL_NOTE @note
#define FIBRIL_OBJECT @object
#define FIBRIL_PROGBITS @progbits
#include "probe-site.inc"

	.text
	FIBRIL_SITE switch, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE block, "8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8"
	FIBRIL_SITE wake, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE batch, "8@%rdi 8@%rsi 8@%rdx 8@%rcx"
	FIBRIL_SITE submit, "8@%rdi 8@%rsi 8@%rdx 8@%rcx 8@%r8 8@%r9"
	FIBRIL_SITE teardown, "8@%rdi 8@%rsi 8@%rdx"
	FIBRIL_SITE task_start, "8@%rdi 8@%rsi 8@%rdx"
	FIBRIL_SITE task_stop, "8@%rdi 8@%rsi 8@%rdx"

#include "semaphores.inc"
#endif
