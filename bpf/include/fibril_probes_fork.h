/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of the implementation of fibril_probes.h: a forked child must not write into its parent's buffers. It gets a
 * file of its own, mapped at the same addresses, in which only the task of the thread that forked goes on.
 */
#include <stdlib.h>

/*
 * A runtime with tables of its own defines these before the include. They are called with the buffers locked; the
 * last one in the child, where thread is the id that the one thread had in the parent.
 */
#ifndef FIBRIL_PROBES_BEFORE_FORK
#define FIBRIL_PROBES_BEFORE_FORK() ((void)0)
#define FIBRIL_PROBES_AFTER_FORK() ((void)0)
#define FIBRIL_PROBES_IN_CHILD(thread) fibril_fork_keep_own_slot(thread)
#endif

static uint32_t fibril_forking_thread;

static void fibril_before_fork(void)
{
	pthread_mutex_lock(&fibril_file.lock);
	FIBRIL_PROBES_BEFORE_FORK();
	fibril_forking_thread = (uint32_t)syscall(SYS_gettid);
}

static void fibril_after_fork_in_parent(void)
{
	FIBRIL_PROBES_AFTER_FORK();
	pthread_mutex_unlock(&fibril_file.lock);
}

/* Without a file of its own a child goes on with a copy of the names that nobody else sees. */
static void fibril_keep_names_private(uint32_t name_count)
{
	void *copy = fibril_reserve(FIBRIL_BUFFERS_OFFSET);

	if (!copy)
		abort();
	memcpy(copy, fibril_file.header, FIBRIL_NAMES_OFFSET + name_count * sizeof(struct fibril_name));
	if (mremap(copy, FIBRIL_BUFFERS_OFFSET, FIBRIL_BUFFERS_OFFSET, MREMAP_MAYMOVE | MREMAP_FIXED,
		   fibril_file.header) == MAP_FAILED)
		abort();
}

static void fibril_renew_buffer(uint32_t index, bool own_file)
{
	struct fibril_buffer *buffer = fibril_file.buffers[index];
	uint64_t task = buffer->tid == fibril_forking_thread ? buffer->task : 0;
	void *at = own_file ? mmap(buffer, FIBRIL_BUFFER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				   fibril_file.file, fibril_buffer_offset(index))
			    : mmap(buffer, FIBRIL_BUFFER_BYTES, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (at == (void *)buffer && task)
		fibril_buffer_begin(buffer, task);
}

#ifdef FIBRIL_PROBES_TABLE
/* The records of the task's new buffer are counted from 0. */
__attribute__((unused)) static void fibril_fork_keep_own_slot(uint32_t thread)
{
	struct fibril_task_slot *slots = (struct fibril_task_slot *)(uintptr_t)fibril_root.tasks;

	for (uint32_t i = 0; i < fibril_root.task_slots; i++) {
		if (slots[i].tid != thread || !slots[i].task) {
			slots[i].task = 0;
			continue;
		}
		slots[i].tid = (uint32_t)syscall(SYS_gettid);
		const uint64_t *chunks = (const uint64_t *)(uintptr_t)slots[i].chunks;
		for (uint32_t chunk = 0; chunk < slots[i].chunk_count; chunk++) {
			struct fibril_entry *entries = (struct fibril_entry *)(uintptr_t)chunks[chunk];
			for (uint32_t k = 0; k < slots[i].chunk_entries; k++)
				entries[k].next_number = 0;
		}
	}
}
#else
#define fibril_fork_keep_own_slot(thread) ((void)(thread))
#endif

static void fibril_after_fork_in_child(void)
{
	pthread_mutex_init(&fibril_file.lock, NULL);
	fibril_file.ident = fibril_new_ident();
#ifdef FIBRIL_PROBES_TABLE
	fibril_root.ident = fibril_file.ident;
	fibril_root.pid = (uint32_t)getpid();
#endif
	FIBRIL_PROBES_IN_CHILD(fibril_forking_thread);
	if (fibril_file.file < 0)
		return;
	close(fibril_file.file);
	uint32_t name_count = fibril_file.header->name_count;
	bool own_file = fibril_file_open((const char *)fibril_file.header + FIBRIL_NAMES_OFFSET, name_count) &&
			fibril_file_map();
	if (!own_file)
		fibril_keep_names_private(name_count);
	for (uint32_t i = 0; i < fibril_file.count; i++)
		fibril_renew_buffer(i, own_file);
}

static void fibril_fork_register(void)
{
	pthread_atfork(fibril_before_fork, fibril_after_fork_in_parent, fibril_after_fork_in_child);
}
