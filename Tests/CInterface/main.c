/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the tests of the C interface: silent and 0 if all is as expected. */
#include "check.h"

#include <string.h>

struct fibril_task_options options;

int main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "helpers") == 0)
		options.flags = FIBRIL_TASK_WITHOUT_IO_URING;
	/* First: it looks at the process before its first task. */
	test_dumps();
	test_misuse();
	test_fibrils();
	test_waiting();
	test_calls();
	return 0;
}
