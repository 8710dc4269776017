/* SPDX-License-Identifier: Apache-2.0 */
/* The root of the fibril table and the ELF note through which a reader outside finds it. */
#include "fibril_probes.h"

struct fibril_root fibril_root;

/* The descriptor is the distance from itself to the root: no relocation, so it holds in the file too. */
__asm__(
	"	.pushsection .note.fibril, \"a\", @note\n"
	"	.balign	4\n"
	"	.4byte	7, 8, 1\n" /* lengths of name and descriptor, FIBRIL_NOTE_TABLE */
	"	.asciz	\"Fibril\"\n"
	"	.balign	4\n"
	"1:	.8byte	fibril_root - 1b\n"
	"	.popsection\n");

_Static_assert(FIBRIL_NOTE_TABLE == 1 && sizeof FIBRIL_NOTE_NAME == 7, "the note above says otherwise");
