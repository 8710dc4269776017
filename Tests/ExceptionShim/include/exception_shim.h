/* SPDX-License-Identifier: Apache-2.0 */
/* C++ exceptions for tests in Swift. */
#ifndef EXCEPTION_SHIM_H
#define EXCEPTION_SHIM_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Throws value and catches it; in the handler calls inside(context), then throws the exception being
 * handled once more. Returns the value that arrives the second time, negative if the handler's end
 * leaves an exception behind.
 */
int exception_shim_handle(int value, void (*inside)(void *), void *context);

/* Of each thread's own 256 KiB. A thread's stack has to have room for them, whether it uses them or not. */
void *exception_shim_thread_local(void);

#ifdef __cplusplus
}
#endif
#endif
