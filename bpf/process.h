/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who runs into a program: the kernel's fields that are read for it, and the processes that are known. */
#ifndef FIBRIL_PROCESS_H
#define FIBRIL_PROCESS_H

/* Where these fields lie is settled when the object is loaded. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct pid_namespace {
	struct ns_common ns;
};

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
};

struct mm_struct;

struct task_struct {
	struct mm_struct *mm;
	int exit_code;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	__u64 start_boottime;
	__u32 self_exec_id;
	struct signal_struct *signal;
};

#pragma clang attribute pop

#define MOST_NAMESPACES 32 /* MAX_PID_NS_LEVEL */
#define GROUP_IS_EXITING 4 /* SIGNAL_GROUP_EXIT */

/* The verifier drops the branches that these rule out. */
const volatile struct fibril_batch_settings settings;

struct fibril_batch_counts counts;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, struct fibril_known_process);
	__uint(max_entries, 16384);
} processes SEC(".maps");

/* Processes, by tgid, whose event buffers the tracer has: it needs not be told of their new tasks. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u32);
	__type(value, __u32);
	__uint(max_entries, 16384);
} files SEC(".maps");

static __always_inline bool read_level(struct pid *pid, unsigned int level, struct upid *number)
{
	const char *numbers = (const char *)pid + bpf_core_field_offset(pid->numbers);

	return !bpf_probe_read_kernel(number, sizeof(*number), numbers + level * sizeof(*number));
}

/* A process's id as it sees it itself. */
static __always_inline __u32 inner_tgid(struct task_struct *task)
{
	struct pid *pid = task->group_leader->thread_pid;
	struct upid number;

	return read_level(pid, pid->level, &number) ? number.nr : 0;
}

/* A process's id as the tracer sees it; 0: it does not. */
static __always_inline __u32 outer_tgid(struct task_struct *task)
{
	struct pid *pid;
	unsigned int level;

	if (!settings.namespace_inode)
		return task->tgid;
	pid = task->group_leader->thread_pid;
	level = pid->level;
	for (unsigned int i = 0; i < MOST_NAMESPACES && i <= level; i++) {
		struct upid number;
		unsigned int inode = 0;

		if (!read_level(pid, i, &number))
			return 0;
		bpf_core_read(&inode, sizeof(inode), &number.ns->ns.inum);
		if (inode == settings.namespace_inode)
			return number.nr;
	}
	return 0;
}

static __always_inline struct fibril_image image_of(struct task_struct *task)
{
	return (struct fibril_image){
		.start = task->group_leader->start_boottime,
		.tgid = outer_tgid(task),
		.execs = task->self_exec_id,
	};
}

static __always_inline struct fibril_known_process *known(__u32 tgid)
{
	return tgid ? bpf_map_lookup_elem(&processes, &tgid) : NULL;
}

/* Makes it known if it is not. */
static __always_inline struct fibril_known_process *make_known(__u32 tgid)
{
	struct fibril_known_process fresh = {}, *process = known(tgid);

	if (process || !tgid)
		return process;
	bpf_map_update_elem(&processes, &tgid, &fresh, BPF_NOEXIST);
	return known(tgid);
}

#endif
