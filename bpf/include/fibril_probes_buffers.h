/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of the implementation of fibril_probes.h: the event buffers and the name table of a process, in one memfd,
 * so that a tracer which has opened it still reads them after the process was killed or has become another program.
 */
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define FIBRIL_MOST_BUFFERS 65536u /* more tasks than this at a time get no buffer */
#define FIBRIL_NAMES_OFFSET 4096u
/* Of which only what is in use costs memory. */
#define FIBRIL_BUFFERS_OFFSET (FIBRIL_NAMES_OFFSET + FIBRIL_MOST_NAMES * (uint32_t)sizeof(struct fibril_name))

static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	int file;                          /* -1: there is none */
	uint32_t count;                    /* buffers laid out in the file */
	struct fibril_buffer **buffers;    /* where each is mapped */
	uint64_t ident;
	struct fibril_buffer_file *header; /* mapped, with the names behind it; of no file's if there is none */
} fibril_file = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_ONCE_INIT, -1, 0, NULL, 0, NULL};

static void fibril_fork_register(void);

static uint64_t fibril_new_ident(void)
{
	return fibril_ticks_monotonic() ^ (uint64_t)getpid() << 32;
}

static off_t fibril_buffer_offset(uint32_t index)
{
	return (off_t)FIBRIL_BUFFERS_OFFSET + (off_t)index * FIBRIL_BUFFER_BYTES;
}

/* A limit on the size of files would end the process by SIGXFSZ when this one grows. */
static bool fibril_file_may_be_large(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= (rlim_t)fibril_buffer_offset(FIBRIL_MOST_BUFFERS);
}

/* A new file that has these names and room for the buffers there are. */
static bool fibril_file_open(const char *names, uint32_t name_count)
{
	struct fibril_buffer_file first;
	ssize_t bytes = (ssize_t)(name_count * sizeof(struct fibril_name));

	memset(&first, 0, sizeof first);
	first.magic = FIBRIL_BUFFER_FILE_MAGIC;
	first.version = FIBRIL_BUFFER_VERSION;
	first.pid = (uint32_t)getpid();
	first.ident = fibril_file.ident;
	first.buffers_offset = FIBRIL_BUFFERS_OFFSET;
	first.buffer_bytes = FIBRIL_BUFFER_BYTES;
	first.names_offset = FIBRIL_NAMES_OFFSET;
	first.name_bytes = sizeof(struct fibril_name);
	first.name_count = name_count;
	fibril_file.file = fibril_file_may_be_large() ? memfd_create(FIBRIL_BUFFER_FILE_NAME, MFD_CLOEXEC) : -1;
	if (fibril_file.file < 0)
		return false;
	if (ftruncate(fibril_file.file, fibril_buffer_offset(fibril_file.count)) == 0 &&
	    pwrite(fibril_file.file, &first, sizeof first, 0) == (ssize_t)sizeof first &&
	    (!names || pwrite(fibril_file.file, names, (size_t)bytes, FIBRIL_NAMES_OFFSET) == bytes))
		return true;
	close(fibril_file.file);
	fibril_file.file = -1;
	return false;
}

/* Maps header and names, at the same place again if they are mapped already. */
static bool fibril_file_map(void)
{
	void *at = mmap(fibril_file.header, FIBRIL_BUFFERS_OFFSET, PROT_READ | PROT_WRITE,
			fibril_file.header ? MAP_SHARED | MAP_FIXED : MAP_SHARED, fibril_file.file, 0);

	if (at == MAP_FAILED)
		return false;
	fibril_file.header = (struct fibril_buffer_file *)at;
	return true;
}

/* Zeroed memory that costs only what is touched; NULL: there is none. */
static void *fibril_reserve(size_t bytes)
{
	void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void fibril_file_set_up(void)
{
	fibril_clock_choose();
	fibril_file.ident = fibril_new_ident();
	fibril_file.buffers =
		(struct fibril_buffer **)fibril_reserve(FIBRIL_MOST_BUFFERS * sizeof *fibril_file.buffers);
	if (fibril_file.buffers && fibril_file_open(NULL, 1) && !fibril_file_map()) {
		close(fibril_file.file);
		fibril_file.file = -1;
	}
	if (!fibril_file.header) {
		/* Names for the single probes and the table. */
		fibril_file.header = (struct fibril_buffer_file *)fibril_reserve(FIBRIL_BUFFERS_OFFSET);
		if (fibril_file.header)
			fibril_file.header->name_count = 1;
	}
#ifdef FIBRIL_PROBES_TABLE
	fibril_root.ident = fibril_file.ident;
	fibril_root.pid = (uint32_t)getpid();
	fibril_root.names = fibril_file.header ? (uintptr_t)fibril_file.header + FIBRIL_NAMES_OFFSET : 0;
	fibril_root.name_bytes = sizeof(struct fibril_name);
	fibril_root.name_count = fibril_file.header ? 1 : 0;
#endif
	fibril_fork_register();
}

uint64_t fibril_process_ident(void)
{
	pthread_once(&fibril_file.once, fibril_file_set_up);
	return fibril_file.ident;
}

static void fibril_buffer_begin(struct fibril_buffer *buffer, uint64_t task)
{
	buffer->slots = FIBRIL_BUFFER_SLOTS;
	buffer->slot_bytes = sizeof(struct fibril_record);
	buffer->tid = (uint32_t)syscall(SYS_gettid);
	buffer->pid = (uint32_t)getpid();
	buffer->ident = fibril_file.ident;
	buffer->clock = fibril_clock_kind;
	buffer->head = buffer->flushed = buffer->flush_time = 0;
	buffer->version = FIBRIL_BUFFER_VERSION;
	buffer->magic = FIBRIL_BUFFER_MAGIC;
	__atomic_store_n(&buffer->task, task, __ATOMIC_RELEASE);
}

static struct fibril_buffer *fibril_buffer_lay_out(void)
{
	uint32_t count = fibril_file.count;

	if (count == FIBRIL_MOST_BUFFERS || ftruncate(fibril_file.file, fibril_buffer_offset(count + 1)) != 0)
		return NULL;
	void *at = mmap(NULL, FIBRIL_BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fibril_file.file,
			fibril_buffer_offset(count));
	if (at == MAP_FAILED)
		return NULL;
	fibril_file.buffers[fibril_file.count++] = (struct fibril_buffer *)at;
	return (struct fibril_buffer *)at;
}

struct fibril_buffer *fibril_buffer_acquire(uint64_t task)
{
	struct fibril_buffer *buffer = NULL;

	pthread_once(&fibril_file.once, fibril_file_set_up);
	pthread_mutex_lock(&fibril_file.lock);
	for (uint32_t i = 0; i < fibril_file.count && !buffer; i++)
		if (fibril_file.buffers[i]->task == 0)
			buffer = fibril_file.buffers[i];
	if (!buffer && fibril_file.file >= 0)
		buffer = fibril_buffer_lay_out();
	if (buffer)
		fibril_buffer_begin(buffer, task);
	pthread_mutex_unlock(&fibril_file.lock);
	return buffer;
}

void fibril_buffer_release(struct fibril_buffer *buffer)
{
	if (!buffer)
		return;
	pthread_mutex_lock(&fibril_file.lock);
	__atomic_store_n(&buffer->task, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&fibril_file.lock);
}
