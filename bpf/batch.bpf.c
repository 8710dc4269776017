/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Batch mode: the probe `batch` copies a task's buffer of records into the ring, one trap for a
 * thousand of them. What a thread has not handed over when it ends, or becomes another program, is
 * copied by the programs at those places, which also tell the tracer of them.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "fibril_ring.h"

#ifndef NULL
#define NULL ((void *)0)
#endif

#include "process.h"
#include "placing.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PAGE 4096ull

/* Threads that became tasks, or forked as such, since the attachment, and others that the tracer has found. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct fibril_thread);
	__uint(max_entries, 16384);
} threads SEC(".maps");

static __always_inline struct fibril_known_process *taken_in(__u32 tgid)
{
	return settings.everybody ? make_known(tgid) : known(tgid);
}

/*
 * A page of the buffer may have been taken away since it was written. It is fetched here, with
 * nothing reserved: the reader waits for whoever holds a place in front of it.
 */
static __always_inline void fault_in(const void *records, __u32 bytes)
{
	__u64 page = (__u64)records & ~(PAGE - 1), end = (__u64)records + bytes;
	__u8 byte;

	for (int i = 0; i < FIBRIL_BATCH_MAX_BYTES / PAGE + 1 && page < end; i++, page += PAGE)
		bpf_copy_from_user(&byte, sizeof(byte), (void *)(page < (__u64)records ? (__u64)records : page));
}

static __always_inline int on_batch(__u64 task, const void *records, __u64 bytes, __u64 first)
{
	struct fibril_ring_entry entry = {
		.image = image_of(bpf_get_current_task_btf()),
		.task = task,
		.number = first,
		.bytes = bytes,
		.kind = FIBRIL_RING_RECORDS,
	};
	int error = -E2BIG;

	/* Task 0 is whoever is none. */
	if (!task || !taken_in(entry.image.tgid) || bytes < RECORD)
		return 0;
	if (bytes <= FIBRIL_BATCH_MAX_BYTES && bytes % RECORD == 0) {
		error = place(&entry, records);
		if (error == -EFAULT && settings.may_sleep) {
			fault_in(records, entry.bytes);
			error = place(&entry, records);
		}
	}
	if (error)
		count_unplaced(&entry);
	return 0;
}

static __always_inline int on_task_start(__u64 task, __u64 address)
{
	struct fibril_ring_entry entry = {
		.image = image_of(bpf_get_current_task_btf()),
		.task = task,
		.kind = FIBRIL_RING_TASK_START,
	};
	struct fibril_thread thread = { .task = task, .buffer = address, .is_counted = 1 }, *old;
	__u32 id = bpf_get_current_pid_tgid();
	struct fibril_known_process *process = taken_in(entry.image.tgid);
	struct fibril_buffer buffer;

	if (!process || !task)
		return 0;
	/* Nobody else changes what is there of a thread that runs. */
	old = bpf_map_lookup_elem(&threads, &id);
	if (old && old->is_counted)
		*old = thread;
	else if (!bpf_map_update_elem(&threads, &id, &thread, BPF_ANY))
		__sync_fetch_and_add(&process->threads, 1);
	else
		__sync_fetch_and_add(&process->unsalvaged, 1);
	if (bpf_map_lookup_elem(&files, &entry.image.tgid))
		return 0;
	if (!bpf_probe_read_user(&buffer, sizeof(buffer), (void *)address) && buffer.magic == FIBRIL_BUFFER_MAGIC)
		entry.number = buffer.clock;
	post(&entry);
	return 0;
}

/* Attached by a uprobe_multi link: the arguments lie where the site's assembly puts them. */
SEC("uprobe.s")
int BPF_KPROBE(probe_registers, __u64 task, __u64 second, __u64 third, __u64 fourth)
{
	if (bpf_get_attach_cookie(ctx) == FIBRIL_PROBE_TASK_START)
		return on_task_start(task, third);
	return on_batch(task, (void *)second, third, fourth);
}

/* Attached by libbpf, which looks up in the note where the arguments lie. */
SEC("usdt")
int BPF_USDT(batch_note, __u64 task, void *records, __u64 bytes, __u64 first)
{
	return on_batch(task, records, bytes, first);
}

SEC("usdt")
int BPF_USDT(task_start_note, __u64 task, __u64 thread, __u64 buffer)
{
	return on_task_start(task, buffer);
}

/* Copies what the current thread, whose buffer is known, has recorded and not handed over. */
static __always_inline void salvage(struct task_struct *task, const struct fibril_thread *thread,
				    struct fibril_known_process *process)
{
	struct fibril_ring_entry entry = {
		.image = image_of(task),
		.task = thread->task,
		.kind = FIBRIL_RING_RECORDS,
	};
	struct fibril_buffer buffer;
	__u64 records, at;

	if (bpf_probe_read_user(&buffer, sizeof(buffer), (void *)thread->buffer) ||
	    buffer.magic != FIBRIL_BUFFER_MAGIC || buffer.version != FIBRIL_BUFFER_VERSION) {
		__sync_fetch_and_add(&process->unsalvaged, 1);
		return;
	}
	/* The task has stopped, or the buffer is still that of whoever forked this process. */
	if (buffer.task != thread->task || buffer.pid != inner_tgid(task) || buffer.head == buffer.flushed)
		return;
	records = buffer.head - buffer.flushed;
	if (!buffer.slots || buffer.slots > FIBRIL_BATCH_MAX_BYTES / RECORD || records > buffer.slots) {
		__sync_fetch_and_add(&process->unsalvaged, 1);
		return;
	}
	at = buffer.flushed % buffer.slots;
	entry.number = buffer.flushed;
	entry.bytes = records * RECORD;
	/* A runtime hands over before its slots wrap. */
	if (at + records > buffer.slots ||
	    place(&entry, (void *)(thread->buffer + FIBRIL_BUFFER_SLOTS_OFFSET + at * RECORD)))
		count_unplaced(&entry);
}

/* The thread's memory is still there: since Linux 6.16 this is so. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	__u32 id = task->pid;
	struct fibril_thread *thread = bpf_map_lookup_elem(&threads, &id);
	struct fibril_ring_entry entry = { .kind = FIBRIL_RING_EXIT };
	struct fibril_known_process *process;

	/* Most threads are no tasks, and most are not their process's last. */
	if (!thread && task->signal->live.counter)
		return 0;
	process = known(outer_tgid(task));
	if (thread) {
		if (process) {
			salvage(task, thread, process);
			if (thread->is_counted)
				__sync_fetch_and_sub(&process->threads, 1);
		}
		bpf_map_delete_elem(&threads, &id);
	}
	if (!process)
		return 0;
	/* Several threads may be here at a time: the last to leave tells of the end. */
	if (!task->signal->live.counter)
		__sync_fetch_and_or(&process->is_ending, 1);
	if (!process->is_ending || process->threads || __sync_lock_test_and_set(&process->has_ended, 1))
		return 0;
	entry.image = image_of(task);
	entry.number = (__u32)(task->signal->flags & GROUP_IS_EXITING ? task->signal->group_exit_code :
									task->group_leader->exit_code);
	entry.bytes = process->unsalvaged;
	bpf_map_delete_elem(&processes, &entry.image.tgid);
	bpf_map_delete_elem(&files, &entry.image.tgid);
	post(&entry);
	return 0;
}

/* The old image is still there. Linux 6.10 and later. */
SEC("tp_btf/sched_prepare_exec")
int BPF_PROG(prepare_exec, struct task_struct *task)
{
	__u32 id = task->pid;
	struct fibril_thread *thread = bpf_map_lookup_elem(&threads, &id);
	struct fibril_known_process *process = thread ? known(outer_tgid(task)) : NULL;

	if (process)
		salvage(task, thread, process);
	return 0;
}

/* The new image is there. A thread other than the first has taken over the id of that by now. */
SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_id)
{
	struct fibril_ring_entry entry = { .kind = FIBRIL_RING_EXEC };
	struct fibril_known_process *process = known(outer_tgid(task));
	__u32 id = task->pid;

	if (!process && !settings.everybody)
		return 0;
	bpf_map_delete_elem(&threads, &id);
	id = old_id;
	bpf_map_delete_elem(&threads, &id);
	if (process) {
		entry.bytes = process->unsalvaged;
		process->unsalvaged = 0;
		process->threads = 0;
	}
	entry.image = image_of(task);
	bpf_get_current_comm(&entry.task, sizeof(entry.task) + sizeof(entry.number));
	bpf_map_delete_elem(&files, &entry.image.tgid);
	post(&entry);
	return 0;
}

/* Before the child runs. A new thread comes here too. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct fibril_ring_entry entry = { .kind = FIBRIL_RING_FORK };
	__u32 id = parent->pid;
	struct fibril_known_process *process;
	struct fibril_thread *thread;

	if (child->pid != child->tgid)
		return 0;
	entry.number = outer_tgid(parent);
	if (!known(entry.number))
		return 0;
	entry.image = image_of(child);
	process = make_known(entry.image.tgid);
	if (!process)
		return 0;
	/* Of vfork: until it executes a program, the buffers it sees are not its own. */
	entry.task = child->mm == parent->mm;
	thread = bpf_map_lookup_elem(&threads, &id);
	if (thread && !entry.task) {
		struct fibril_thread copy = *thread;

		copy.is_counted = 1;
		entry.bytes = 1;
		id = child->pid;
		if (!bpf_map_update_elem(&threads, &id, &copy, BPF_ANY))
			process->threads = 1;
	}
	post(&entry);
	return 0;
}
