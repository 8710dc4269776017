// SPDX-License-Identifier: Apache-2.0
// Handlers that are left, and come back to, in the middle.
#include "exception_shim.h"

#include <exception>

static int handle(int value, void (*inside)(void *), void *context)
{
	try {
		throw value;
	} catch (int) {
		inside(context);
		try {
			throw;
		} catch (int again) {
			return again;
		}
	}
}

int exception_shim_handle(int value, void (*inside)(void *), void *context)
{
	int again = handle(value, inside, context);

	return std::current_exception() || std::uncaught_exceptions() ? -again : again;
}

static thread_local char much[256 * 1024];

void *exception_shim_thread_local(void)
{
	return much;
}
