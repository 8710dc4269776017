/* SPDX-License-Identifier: Apache-2.0 */
/* The registers and the stack of a thread on the CPU, from one perf sample. */
#define _GNU_SOURCE
#include "system_calls.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SAMPLE_PERIOD_NS 500000
#define MAXIMUM_STACK_BYTES 32768u
#define RING_BYTES 131072u

/* Which registers a sample holds: bits by enum perf_event_*_regs, values in the order of the bits. */
#if defined(__x86_64__)
#define REGISTER_MASK 0xff0fffull /* all but the data segments: 12, then r8 to r15 */
#define REGISTER_COUNT 20

static void decode(const uint64_t *values, struct fibril_thread_registers *registers)
{
	/* rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp as DWARF numbers them */
	static const int numbers[] = {0, 3, 2, 1, 4, 5, 6, 7};

	registers->pc = values[8];
	for (int i = 0; i < 8; i++)
		registers->values[numbers[i]] = values[i];
	memcpy(registers->values + 8, values + 12, 8 * sizeof values[0]);
}
#elif defined(__aarch64__)
#define REGISTER_MASK 0x1ffffffffull /* x0 to x30, sp, pc */
#define REGISTER_COUNT 33

static void decode(const uint64_t *values, struct fibril_thread_registers *registers)
{
	registers->pc = values[32];
	memcpy(registers->values, values, 32 * sizeof values[0]);
}
#endif

struct sample {
	struct perf_event_header header;
	uint32_t pid, tid;
	uint64_t abi; /* 0: the thread has no user registers, and none follow */
	uint64_t values[REGISTER_COUNT];
	uint64_t stack_size; /* 0: no stack, and no dynamic size follows */
	uint8_t stack[];     /* then 64 bits: how much of it is real */
};

static int sample_open(pid_t tid)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = SAMPLE_PERIOD_NS,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = REGISTER_MASK,
		.sample_stack_user = MAXIMUM_STACK_BYTES,
		.wakeup_events = 1,
		.exclude_kernel = 1, /* allowed up to perf_event_paranoid 2 */
		.exclude_hv = 1,
		.exclude_callchain_kernel = 1,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The kernel alone writes the ring, and the first record of a fresh one never wraps. */
static ssize_t sample_decode(const struct sample *sample, uint64_t available, struct fibril_thread_registers *registers,
			     uint8_t *stack, size_t stack_bytes)
{
	if (available < sizeof *sample || sample->header.size > available || sample->header.size < sizeof *sample)
		return -EAGAIN;
	if (sample->header.type != PERF_RECORD_SAMPLE || sample->abi == 0)
		return -EAGAIN;
	uint64_t room = sample->header.size - sizeof *sample, real = 0;
	if (sample->stack_size != 0) {
		if (room < sample->stack_size + sizeof real)
			return -EAGAIN;
		memcpy(&real, sample->stack + sample->stack_size, sizeof real);
	}
	if (real > sample->stack_size)
		real = sample->stack_size;
	if (real > stack_bytes)
		real = stack_bytes;
	decode(sample->values, registers);
	memcpy(stack, sample->stack, real);
	return (ssize_t)real;
}

ssize_t fibril_sample_thread(pid_t tid, int timeout_ms, struct fibril_thread_registers *registers, uint8_t *stack,
			     size_t stack_bytes)
{
	int fd = sample_open(tid);
	if (fd < 0)
		return fd;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *ring = mmap(NULL, page + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ssize_t result = -errno;
	if (ring != MAP_FAILED) {
		const struct perf_event_mmap_page *header = (const void *)ring;
		struct pollfd event = {.fd = fd, .events = POLLIN};
		poll(&event, 1, timeout_ms);
		ioctl(fd, PERF_EVENT_IOC_DISABLE, 0);
		uint64_t head = __atomic_load_n(&header->data_head, __ATOMIC_ACQUIRE);
		result = sample_decode((const void *)(ring + page), head < RING_BYTES ? head : RING_BYTES, registers,
				       stack, stack_bytes);
		munmap(ring, page + RING_BYTES);
	}
	close(fd);
	return result;
}

int fibril_probe_thread_sample(void)
{
	int fd = sample_open(0);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}
