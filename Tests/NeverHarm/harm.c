/*
 * Computes checksums in strands, with events all over and something in every register around the probe sites, until
 * its standard input ends. Then it says in a line of JSON what it has computed, how often it came out differently, and
 * how often each event has happened. Nothing of it depends on whether it is traced, but for how often.
 *
 *     harm [forks] [signals] [seccomp] [exec]
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../Examples/foreign/strands.h"
#include "disturbances.h"
#include "registers.h"

enum { WORKERS = 2, STRANDS = 8, UNITS = 64, STEPS = 24 };

/* The sites of fibril_probes.h, which strands.c holds. */
#define SITE(name) extern const char fibril_probe_##name[] __attribute__((visibility("hidden")));
SITE(task_start) SITE(task_stop) SITE(submit) SITE(switch) SITE(block) SITE(wake) SITE(teardown) SITE(batch)

static const void *const sites[] = {fibril_probe_task_start, fibril_probe_task_stop, fibril_probe_submit,
	fibril_probe_switch, fibril_probe_block, fibril_probe_wake, fibril_probe_teardown, fibril_probe_batch};

static volatile bool is_over;
static uint64_t results[UNITS]; /* 0: not computed yet */
static uint64_t units, wrong, changed_registers;

static uint64_t mix(uint64_t word)
{
	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9u;
	word = (word ^ word >> 27) * 0x94d049bb133111ebu;
	return word ^ word >> 31;
}

/* A leaf function whose values lie in the red zone. */
__attribute__((noinline)) static uint64_t leaf(uint64_t seed)
{
	volatile uint64_t words[12];
	uint64_t sum = 0;

	for (int i = 0; i < 12; i++)
		words[i] = mix(seed + (uint64_t)i);
	for (int i = 0; i < 12; i++)
		sum = sum * 31 + words[i];
	return sum;
}

struct errand {
	uint64_t seed, result;
	struct strand *parent;
};

static void run_errand(void *argument)
{
	struct errand *errand = (struct errand *)argument;
	uint64_t seed = errand->seed;

	strand_yield();
	errand->result = mix(seed) ^ leaf(seed);
	strand_signal(errand->parent);
}

static uint64_t bits(double number)
{
	uint64_t word;

	memcpy(&word, &number, sizeof word);
	return word;
}

/* One unit of work. Everything but `unit` is the same each time, whatever goes on around it. */
static uint64_t compute(uint64_t unit)
{
	uint64_t a = mix(unit + 1), b = mix(a), c = mix(b), d = mix(c);
	volatile double third = 3;
	double real = 1 + (double)unit;
	long double extended = 1 + (long double)unit;

	fesetround(unit % 2 ? FE_UPWARD : FE_TONEAREST);
	for (uint64_t step = 0; step < STEPS; step++) {
		struct errand errand = {a ^ step, 0, strand_self()};
		double was = real;
		long double was_extended = extended;
		if (step % 3 == 0) {
			strand_yield();
		} else if (step % 3 == 1) {
			while (!strand_spawn("errand", run_errand, &errand))
				strand_yield();
			strand_wait();
		} else if (!registers_survive(sites[(unit + step) % 8], a)) {
			__atomic_fetch_add(&changed_registers, 1, __ATOMIC_RELAXED);
		}
		if (step == STEPS / 2 && unit % 16 == 0)
			strand_sleep(50000);
		/* The divisions come out by the rounding mode as it was set. */
		real = was / third + (double)(a >> 40);
		extended = was_extended / third + (long double)(b >> 40);
		a += leaf(b) ^ errand.result;
		b = b << 7 | b >> 57;
		c ^= bits(real);
		d += bits((double)extended) * 3;
	}
	fesetround(FE_TONEAREST);
	return (mix(a ^ b) ^ mix(c + d)) | 1;
}

static void work(void *argument)
{
	uint64_t own = (uint64_t)(uintptr_t)argument;

	for (uint64_t i = own; !is_over || i < own + UNITS; i++) {
		uint64_t unit = i % UNITS, result = compute(unit), none = 0;
		if (!__atomic_compare_exchange_n(&results[unit], &none, result, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED) &&
		    none != result)
			__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&units, 1, __ATOMIC_RELAXED);
	}
}

static struct strand_counts counts[WORKERS];

static void *run_worker(void *argument)
{
	uintptr_t index = (uintptr_t)argument;

	disturbances_reach_this_thread();
	if (!worker_begin(2 * STRANDS))
		abort();
	for (uintptr_t i = 0; i < STRANDS; i++)
		if (!strand_spawn("summer", work, (void *)(i * 5 + index)))
			abort();
	counts[index] = worker_end();
	return NULL;
}

int main(int count, char **arguments)
{
	pthread_t threads[WORKERS];
	char byte;

	if (!spoiled_registers_are_noticed())
		abort();
	disturbances_begin(count, arguments);
	for (uintptr_t i = 0; i < WORKERS; i++)
		if (pthread_create(&threads[i], NULL, run_worker, (void *)i) != 0)
			abort();
	disturb(threads, WORKERS);
	while (read(0, &byte, 1) > 0 || errno == EINTR)
		errno = 0;
	/* A thread that has been joined takes no signal. */
	uint64_t disturbances = disturbances_end(), checksum = 0;
	is_over = true;
	for (int i = 0; i < WORKERS; i++)
		pthread_join(threads[i], NULL);
	become_another_program(arguments);
	struct strand_counts all = {0, 0, 0, 0, 0, 0, 0};
	for (int i = 0; i < WORKERS; i++) {
		all.submits += counts[i].submits, all.blocks += counts[i].blocks, all.wakes += counts[i].wakes;
		all.switches += counts[i].switches, all.sleeps += counts[i].sleeps, all.resumes += counts[i].resumes;
		all.teardowns += counts[i].teardowns;
	}
	for (int i = 0; i < UNITS; i++)
		checksum = mix(checksum + results[i]);
	printf("{\"checksum\":\"%016lx\",\"units\":%lu,\"wrong\":%lu,\"changed_registers\":%lu,\"disturbances\":%lu,"
	       "\"submits\":%lu,\"blocks\":%lu,\"wakes\":%lu,\"switches\":%lu,\"sleeps\":%lu,\"resumes\":%lu,"
	       "\"teardowns\":%lu}\n",
	       checksum, units, wrong, changed_registers, disturbances, all.submits, all.blocks, all.wakes, all.switches,
	       all.sleeps, all.resumes, all.teardowns);
	return 0;
}
