/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strands on several threads pass tokens round, yield and sleep; at the end one JSON line says how often each event
 * has happened. foreign [--tasks N] [--fibrils N] [--blocks N] [--park SECONDS] [--wait-for-tracer SECONDS]
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strands.h"

static long tasks = 2, fibrils = 100, blocks = 10, park_seconds = -1;
static struct strand **ring; /* fibril k of thread t stands at k * tasks + t */
static pthread_barrier_t all_are_there;

static long tokens(void)
{
	return blocks < tasks ? blocks : tasks;
}

/* Takes `blocks` tokens, and hands each on to a strand of the next thread; the last one keeps the last tokens. */
static void pass_tokens(void *argument)
{
	long place = (long)(intptr_t)argument, count = tasks * fibrils;

	for (long i = 0; i < blocks; i++) {
		strand_wait();
		if (i % 4 == 1)
			strand_yield();
		if (i % 8 == 3)
			strand_sleep(1000000);
		if (place < count - 1 || i < blocks - tokens())
			strand_signal(ring[(place + 1) % count]);
	}
	if (park_seconds >= 0)
		strand_wait();
}

static void *work(void *argument)
{
	long task = (long)(intptr_t)argument;
	struct strand_counts *counts = (struct strand_counts *)malloc(sizeof *counts);
	char name[32];

	if (!counts || !worker_begin((uint32_t)fibrils)) {
		fprintf(stderr, "foreign: there is no memory for a worker\n");
		exit(1);
	}
	for (long i = 0; i < fibrils; i++) {
		long place = i * tasks + task;
		snprintf(name, sizeof name, "passer-%ld", i);
		ring[place] = strand_spawn(name, pass_tokens, (void *)place);
		if (!ring[place]) {
			fprintf(stderr, "foreign: there is no memory for a strand\n");
			exit(1);
		}
	}
	pthread_barrier_wait(&all_are_there);
	for (long i = 0; task == 0 && i < tokens(); i++)
		strand_signal(ring[0]);
	if (park_seconds >= 0) {
		strand_sleep((uint64_t)park_seconds * 1000000000u);
		for (long i = 0; i < fibrils; i++)
			strand_signal(ring[i * tasks + task]);
	}
	*counts = worker_end();
	return counts;
}

static void wait_for_tracer(long seconds)
{
	for (long i = 0; i < seconds * 1000 && !strands_are_traced(); i++)
		usleep(1000);
}

int main(int count, char **arguments)
{
	long wait_seconds = 0;
	const struct { const char *name; long *value; } options[] = {
		{"--tasks", &tasks}, {"--fibrils", &fibrils}, {"--blocks", &blocks}, {"--park", &park_seconds},
		{"--wait-for-tracer", &wait_seconds},
	};
	for (int i = 1; i < count; i += 2) {
		size_t k = 0;
		char *end = NULL;
		while (k < 5 && strcmp(arguments[i], options[k].name))
			k++;
		long value = i + 1 < count ? strtol(arguments[i + 1], &end, 10) : 0;
		if (k == 5 || !end || *end || end == arguments[i + 1] || value < 0 || (k < 2 && value < 1) || value > 1000000) {
			fprintf(stderr, "foreign: cannot understand %s; give --tasks, --fibrils, --blocks, --park or "
					"--wait-for-tracer and a number\n", arguments[i]);
			return 64;
		}
		*options[k].value = value;
	}

	pthread_t *threads = (pthread_t *)calloc((size_t)tasks, sizeof *threads);
	ring = (struct strand **)calloc((size_t)(tasks * fibrils), sizeof *ring);
	if (!threads || !ring || pthread_barrier_init(&all_are_there, NULL, (unsigned)tasks) != 0)
		return 1;
	wait_for_tracer(wait_seconds);
	for (long i = 0; i < tasks; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)i) != 0)
			return 1;
	struct strand_counts sum = {0, 0, 0, 0, 0, 0, 0};
	for (long i = 0; i < tasks; i++) {
		void *result = NULL;
		pthread_join(threads[i], &result);
		const struct strand_counts *one = (const struct strand_counts *)result;
		sum.submits += one->submits, sum.blocks += one->blocks, sum.wakes += one->wakes;
		sum.switches += one->switches, sum.sleeps += one->sleeps, sum.resumes += one->resumes;
		sum.teardowns += one->teardowns;
		free(result);
	}
	printf("{\"tasks\":%ld,\"fibrils\":%ld,\"submits\":%llu,\"blocks\":%llu,\"wakes\":%llu,\"switches\":%llu,"
	       "\"sleeps\":%llu,\"resumes\":%llu,\"teardowns\":%llu}\n",
	       tasks, tasks * fibrils, (unsigned long long)sum.submits, (unsigned long long)sum.blocks,
	       (unsigned long long)sum.wakes, (unsigned long long)sum.switches, (unsigned long long)sum.sleeps,
	       (unsigned long long)sum.resumes, (unsigned long long)sum.teardowns);
	free(ring);
	free(threads);
	return 0;
}
