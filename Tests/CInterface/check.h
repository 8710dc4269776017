/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the C interface share: an expectation that says where it fails, and a task to be in. */
#ifndef CHECK_H
#define CHECK_H

#include <errno.h>
#include <fibril.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* actual is evaluated once. */
#define EXPECT(actual, wanted) expect(__FILE__, __LINE__, #actual, (int64_t)(actual), (int64_t)(wanted))

static inline void expect(const char *file, int line, const char *text, int64_t actual, int64_t wanted)
{
	if (actual == wanted)
		return;
	fprintf(stderr, "%s:%d: %s is %" PRId64 ", not %" PRId64 "\n", file, line, text, actual, wanted);
	exit(1);
}

/* A minute from now: what waits longer hangs. */
static inline uint64_t soon(void)
{
	return fibril_after_ns(60000000000);
}

/* With the options of the command line: "helpers" is without io_uring. */
extern struct fibril_task_options options;

void test_misuse(void);
void test_fibrils(void);
void test_waiting(void);
void test_calls(void);
void test_dumps(void);

#endif
