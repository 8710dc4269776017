/* What harm.c has going on beside its work, by its arguments. */
#ifndef DISTURBANCES_H
#define DISTURBANCES_H

#include <pthread.h>
#include <stdint.h>

/* Before there are threads. */
void disturbances_begin(int count, char **arguments);

/* On each thread that works. */
void disturbances_reach_this_thread(void);

/* Begins to disturb these threads. */
void disturb(const pthread_t *threads, int count);

/* Ends it, and says how many there were. */
uint64_t disturbances_end(void);

/* Becomes the same program again, once, if that was asked for. */
void become_another_program(char **arguments);

#endif
