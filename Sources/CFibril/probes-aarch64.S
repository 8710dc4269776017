/* SPDX-License-Identifier: Apache-2.0 */
/* Contract A on AArch64: the probe sites of provider "fibril", their notes and their semaphores. */
#if defined(__aarch64__)

#define FIBRIL_FUNCTION %function
#define FIBRIL_NOTE %note
#define FIBRIL_OBJECT %object
#define FIBRIL_PROGBITS %progbits
#include "probe-site.inc"

	.text
	FIBRIL_SITE switch, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE block, "8@x0 8@x1 8@x2 8@x3 8@x4"
	FIBRIL_SITE wake, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE batch, "8@x0 8@x1 8@x2 8@x3"
	FIBRIL_SITE submit, "8@x0 8@x1 8@x2 8@x3 8@x4 8@x5"
	FIBRIL_SITE teardown, "8@x0 8@x1 8@x2"
	FIBRIL_SITE task_start, "8@x0 8@x1 8@x2"
	FIBRIL_SITE task_stop, "8@x0 8@x1 8@x2"

#include "semaphores.inc"
#endif
