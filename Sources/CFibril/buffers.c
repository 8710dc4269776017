/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event buffers and the name table of a process, in one memfd, so that a tracer which has opened
 * it still reads them after the process was killed or has become another program.
 */
#define _GNU_SOURCE
#include "fibril_fork.h"
#include "fibril_probes.h"
#include "fibril_thread.h"
#include "fibril_wait.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More tasks than this at a time get no buffer. */
enum { MOST_BUFFERS = 65536 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;
static uint32_t count;                     /* buffers laid out in the file */
static struct fibril_buffer **buffers;     /* where each is mapped */
static uint64_t ident;
static struct fibril_buffer_file *header;  /* mapped, with the names behind it; NULL: there is no file */
static char *names;

enum {
	NAMES_OFFSET = 4096,
	NAMES_BYTES = FIBRIL_MOST_NAMES * sizeof(struct fibril_name), /* of which only those in use cost memory */
	BUFFERS_OFFSET = NAMES_OFFSET + NAMES_BYTES,
};

static uint64_t new_ident(void)
{
	return fibril_ticks_monotonic() ^ (uint64_t)getpid() << 32;
}

static off_t offset_of(uint32_t index)
{
	return BUFFERS_OFFSET + (off_t)index * FIBRIL_BUFFER_BYTES;
}

/* A limit on the size of files would end the process by SIGXFSZ when this one grows. */
static bool may_be_large(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= (rlim_t)offset_of(MOST_BUFFERS);
}

/* A new file that has these names and room for the buffers there are. */
static bool open_file(const char *old_names, uint32_t name_count)
{
	struct fibril_buffer_file first = {
		.magic = FIBRIL_BUFFER_FILE_MAGIC,
		.version = FIBRIL_BUFFER_VERSION,
		.pid = (uint32_t)getpid(),
		.ident = ident,
		.buffers_offset = BUFFERS_OFFSET,
		.buffer_bytes = FIBRIL_BUFFER_BYTES,
		.names_offset = NAMES_OFFSET,
		.name_bytes = sizeof(struct fibril_name),
		.name_count = name_count,
	};
	ssize_t old_bytes = (ssize_t)(name_count * sizeof(struct fibril_name));

	file = may_be_large() ? memfd_create(FIBRIL_BUFFER_FILE_NAME, MFD_CLOEXEC) : -1;
	if (file < 0)
		return false;
	if (ftruncate(file, offset_of(count)) == 0 && pwrite(file, &first, sizeof first, 0) == (ssize_t)sizeof first &&
	    (!old_names || pwrite(file, old_names, (size_t)old_bytes, NAMES_OFFSET) == old_bytes))
		return true;
	close(file);
	file = -1;
	return false;
}

/* Maps header and names, at the same place again if they are mapped already. */
static bool map_names(void)
{
	void *at = mmap(header, BUFFERS_OFFSET, PROT_READ | PROT_WRITE, header ? MAP_SHARED | MAP_FIXED : MAP_SHARED,
			file, 0);

	if (at == MAP_FAILED)
		return false;
	header = at;
	names = (char *)at + NAMES_OFFSET;
	return true;
}

static void name_buffer(struct fibril_buffer *buffer, uint64_t task)
{
	buffer->slots = FIBRIL_BUFFER_SLOTS;
	buffer->slot_bytes = sizeof(struct fibril_record);
	buffer->tid = (uint32_t)syscall(SYS_gettid);
	buffer->pid = (uint32_t)getpid();
	buffer->ident = ident;
	buffer->clock = fibril_clock_kind;
	buffer->head = buffer->flushed = buffer->flush_time = 0;
	buffer->version = FIBRIL_BUFFER_VERSION;
	buffer->magic = FIBRIL_BUFFER_MAGIC;
	__atomic_store_n(&buffer->task, task, __ATOMIC_RELEASE);
}

/* Without a file of its own a forked child goes on with a copy of the names that nobody else sees. */
static void keep_names_private(uint32_t name_count)
{
	size_t used = NAMES_OFFSET + name_count * sizeof(struct fibril_name);
	void *copy = mmap(NULL, BUFFERS_OFFSET, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (copy == MAP_FAILED)
		abort();
	memcpy(copy, header, used);
	if (mremap(copy, BUFFERS_OFFSET, BUFFERS_OFFSET, MREMAP_MAYMOVE | MREMAP_FIXED, header) == MAP_FAILED)
		abort();
}

/*
 * A forked child must not write into its parent's buffers: it gets a file of its own, mapped at the
 * same addresses, in which only the task of the thread that forked goes on. (A vfork child shares
 * its parent's memory and must emit nothing.)
 */
static uint32_t forking_thread;

static void before_fork(void)
{
	fibril_registry_lock();
	pthread_mutex_lock(&lock);
	fibril_guard_lock(&fibril_end_waiters()->guard);
	forking_thread = fibril_thread_id();
}

static void after_fork_in_parent(void)
{
	fibril_guard_unlock(&fibril_end_waiters()->guard);
	pthread_mutex_unlock(&lock);
	fibril_registry_unlock();
}

static void after_fork_in_child(void)
{
	pthread_mutex_init(&lock, NULL);
	fibril_registry_unlock();
	ident = new_ident();
	fibril_root.ident = ident;
	fibril_root.pid = (uint32_t)getpid();
	fibril_fork_keep_own_task((struct fibril_task_slot *)fibril_root.tasks, fibril_root.task_slots, forking_thread);
	if (file < 0)
		return;
	close(file);
	uint32_t name_count = fibril_root.name_count;
	bool own_file = open_file(names, name_count) && map_names();
	if (!own_file)
		keep_names_private(name_count);
	for (uint32_t i = 0; i < count; i++) {
		struct fibril_buffer *buffer = buffers[i];
		uint64_t task = buffer->tid == forking_thread ? buffer->task : 0;
		void *at = mmap(buffer, FIBRIL_BUFFER_BYTES, PROT_READ | PROT_WRITE,
				own_file ? MAP_SHARED | MAP_FIXED : MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
				own_file ? file : -1, own_file ? offset_of(i) : 0);
		if (at == buffer && task)
			name_buffer(buffer, task);
	}
}

static void set_up(void)
{
	ident = new_ident();
	buffers = mmap(NULL, MOST_BUFFERS * sizeof *buffers, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (buffers == MAP_FAILED)
		buffers = NULL;
	else if (open_file(NULL, 1) && !map_names()) {
		close(file);
		file = -1;
	}
	pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

uint64_t fibril_process_ident(void)
{
	pthread_once(&once, set_up);
	return ident;
}

char *fibril_names(void)
{
	pthread_once(&once, set_up);
	return names;
}

void fibril_names_announce(uint32_t name_count)
{
	if (header)
		__atomic_store_n(&header->name_count, name_count, __ATOMIC_RELEASE);
	__atomic_store_n(&fibril_root.name_count, name_count, __ATOMIC_RELEASE);
}

static struct fibril_buffer *lay_out_another(void)
{
	if (count == MOST_BUFFERS || ftruncate(file, offset_of(count + 1)) != 0)
		return NULL;
	struct fibril_buffer *buffer =
		mmap(NULL, FIBRIL_BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset_of(count));
	if (buffer == MAP_FAILED)
		return NULL;
	buffers[count++] = buffer;
	return buffer;
}

struct fibril_buffer *fibril_buffer_acquire(uint64_t task)
{
	struct fibril_buffer *buffer = NULL;

	pthread_once(&once, set_up);
	pthread_mutex_lock(&lock);
	for (uint32_t i = 0; i < count && !buffer; i++)
		if (buffers[i]->task == 0)
			buffer = buffers[i];
	if (!buffer && file >= 0)
		buffer = lay_out_another();
	if (buffer)
		name_buffer(buffer, task);
	pthread_mutex_unlock(&lock);
	return buffer;
}

void fibril_buffer_release(struct fibril_buffer *buffer)
{
	if (!buffer)
		return;
	pthread_mutex_lock(&lock);
	__atomic_store_n(&buffer->task, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&lock);
}
