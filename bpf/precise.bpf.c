/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Precise mode: a trap for every event, which can be filtered and looked at where it happens. One
 * program stands at the sites of all probes but `batch`; the cookie of a site says which it is.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "fibril_precise.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* The verifier drops the branches that these rule out. */
const volatile struct fibril_precise_settings settings;

struct {
	struct fibril_precise_account account;
	struct fibril_precise_slot slots[FIBRIL_PRECISE_SLOTS];
} kept;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024 * 1024);
} ring SEC(".maps");

/* Next numbers of tasks whose slot another one has. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct fibril_precise_task);
	__type(value, __u64);
	__uint(max_entries, 65536 - FIBRIL_PRECISE_SLOTS);
} numbers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK_TRACE);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, FIBRIL_STACK_DEPTH * sizeof(__u64));
	__uint(max_entries, 1); /* the loader sets it */
} stacks SEC(".maps");

/* What is read here of the kernel's; where it lies is settled when the object is loaded. */
struct task_struct {
	__u32 self_exec_id;
	__s32 tgid;
} __attribute__((preserve_access_index));

struct one_record {
	struct fibril_precise head;
	struct fibril_record record[1];
};

struct two_records {
	struct fibril_precise head;
	struct fibril_record record[2];
};

struct three_records {
	struct fibril_precise head;
	struct fibril_record record[3];
};

struct named_records {
	struct fibril_precise head;
	struct fibril_record record[2];
	char name[sizeof(struct fibril_name)];
};

static __always_inline bool is_wanted(void)
{
	struct bpf_pidns_info inside;

	if (!settings.only_tgid)
		return true;
	if (!settings.namespace_inode)
		return bpf_get_current_pid_tgid() >> 32 == settings.only_tgid;
	return !bpf_get_ns_current_pid_tgid(settings.namespace_device, settings.namespace_inode, &inside,
					    sizeof(inside)) &&
	       inside.tgid == settings.only_tgid;
}

/*
 * The number of a task's next record: what the reader does not get shows as a gap, or at the end. A map
 * of hashes would cost 50 ns at every event. A task whose slot was taken at its first event never gets it,
 * and one that has it keeps it.
 */
static __always_inline __u64 *next_number(const struct fibril_precise_task *of)
{
	struct fibril_precise_slot *slot = &kept.slots[of->task % FIBRIL_PRECISE_SLOTS];
	__u64 none = 0, *number;

	if (slot->of.process == of->process && slot->of.task == of->task)
		return &slot->next;
	if (!slot->of.process && !__sync_val_compare_and_swap(&slot->of.process, 0, of->process)) {
		slot->of.task = of->task;
		return &slot->next;
	}
	number = bpf_map_lookup_elem(&numbers, of);
	if (number)
		return number;
	bpf_map_update_elem(&numbers, of, &none, BPF_NOEXIST);
	number = bpf_map_lookup_elem(&numbers, of);
	if (!number)
		__sync_fetch_and_add(&kept.account.uncounted, 1);
	return number;
}

/* Takes the numbers of `records` records, and a place for them; NULL where there is none. */
static __always_inline void *place(__u64 task, __u32 records, __u32 reserved_records, __u32 name_bytes)
{
	const struct task_struct *thread = bpf_get_current_task_btf();
	struct fibril_precise_task of = {
		.process = (__u64)thread->tgid << 32 | thread->self_exec_id,
		.task = task,
	};
	__u64 first, *number = next_number(&of);
	struct fibril_precise *head;

	if (!number)
		return NULL;
	/* Several threads may say that they are the same task, as those do that are none: 0. */
	first = __sync_fetch_and_add(number, records);
	head = bpf_ringbuf_reserve(
		&ring, sizeof(*head) + reserved_records * sizeof(struct fibril_record) + name_bytes, 0);
	if (!head)
		return NULL;
	head->task = task;
	head->first = first;
	head->process = of.process;
	head->records = records;
	head->name_bytes = 0;
	return head;
}

static __always_inline void write(struct fibril_record *record, __u64 number, __u16 kind, __u64 time, __u64 fibril,
				  __u64 arg, __u32 arg32)
{
	record->time = time;
	record->fibril = fibril;
	record->arg = arg;
	record->kind = kind;
	record->number16 = number;
	record->arg32 = arg32;
}

/*
 * Waking the reader costs twice the rest: it looks every 100 ms by itself unless the ring fills, for
 * which one look in a while is enough.
 */
static __always_inline void submit(void *entry, __u64 first)
{
	bool is_due = !(first & 63) && bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > settings.wake_up_at;

	bpf_ringbuf_submit(entry, is_due ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

/*
 * The time is read with the place reserved, everywhere: then whatever is reserved after the reader
 * has seen the ring empty is younger than that.
 */
static __always_inline int single(__u64 task, __u16 kind, __u64 fibril, __u64 arg, __u32 arg32)
{
	struct one_record *entry = place(task, 1, 1, 0);

	if (!entry)
		return 0;
	write(entry->record, entry->head.first, kind, bpf_ktime_get_ns(), fibril, arg, arg32);
	submit(entry, entry->head.first);
	return 0;
}

static __always_inline int block_with_deadline(__u64 task, __u64 fibril, __u32 reason, __u64 object, __u64 deadline)
{
	struct two_records *entry = place(task, 2, 2, 0);
	__u64 time;

	if (!entry)
		return 0;
	time = bpf_ktime_get_ns();
	write(entry->record, entry->head.first, FIBRIL_RECORD_BLOCK, time, fibril, object, reason);
	write(entry->record + 1, entry->head.first + 1, FIBRIL_RECORD_BLOCK_DEADLINE, time, fibril, deadline, 0);
	submit(entry, entry->head.first);
	return 0;
}

static __always_inline int block_with_stack(__u64 task, __u64 fibril, __u32 reason, __u64 object, __u64 deadline,
					    __u32 stack)
{
	struct three_records *entry = place(task, deadline ? 3 : 2, 3, 0);
	struct fibril_record *last;
	__u64 time, number;

	if (!entry)
		return 0;
	time = bpf_ktime_get_ns();
	number = entry->head.first;
	last = entry->record + 1;
	write(entry->record, number++, FIBRIL_RECORD_BLOCK, time, fibril, object, reason);
	if (deadline) {
		write(entry->record + 1, number++, FIBRIL_RECORD_BLOCK_DEADLINE, time, fibril, deadline, 0);
		last = entry->record + 2;
	}
	write(last, number, FIBRIL_RECORD_STACK, time, fibril, 0, stack);
	submit(entry, entry->head.first);
	return 0;
}

/*
 * Only a block has a stack taken: the switch away that follows has the same, and a yield is no wait.
 */
static __always_inline int on_block(void *context, __u64 task, __u64 fibril, __u64 reason, __u64 object,
				    __u64 deadline)
{
	if (settings.reasons && (reason > 63 || !(settings.reasons >> reason & 1)))
		return 0;
	if (settings.stacks) {
		/* Without flags two stacks never share an id: the second one is refused. */
		long stack = bpf_get_stackid(context, &stacks, BPF_F_USER_STACK);

		if (stack >= 0)
			return block_with_stack(task, fibril, reason, object, deadline, stack + 1); /* 0 is none */
		__sync_fetch_and_add(&kept.account.missed_stacks, 1);
	}
	if (deadline)
		return block_with_deadline(task, fibril, reason, object, deadline);
	return single(task, FIBRIL_RECORD_BLOCK, fibril, object, reason);
}

static __always_inline int on_submit(__u64 task, __u64 fibril, __u64 parent, __s64 call, __u64 code,
				     const char *name)
{
	struct named_records *entry;
	__u64 time;

	if (call >= 0)
		return single(task, FIBRIL_RECORD_SUBMIT, fibril, parent, call);
	entry = place(task, 2, 2, sizeof(entry->name));
	if (!entry)
		return 0;
	time = bpf_ktime_get_ns();
	write(entry->record, entry->head.first, FIBRIL_RECORD_SUBMIT, time, fibril, parent, FIBRIL_NO_CALL);
	/* The reader gives the name its index. */
	write(entry->record + 1, entry->head.first + 1, FIBRIL_RECORD_SUBMIT_ENTRY, time, fibril, code, 0);
	if (name)
		entry->head.name_bytes = bpf_probe_read_user_str(entry->name, sizeof(entry->name), name);
	submit(entry, entry->head.first);
	return 0;
}

static __always_inline bool is_of_fibril(__u64 kind, __u64 first, __u64 second)
{
	if (!settings.fibril || kind == FIBRIL_RECORD_TASK_START || kind == FIBRIL_RECORD_TASK_STOP)
		return true;
	return first == settings.fibril || (kind == FIBRIL_RECORD_SWITCH && second == settings.fibril);
}

/* An event of a kind, with its probe's arguments behind `task`. */
static __always_inline int on_event(void *context, __u64 kind, __u64 task, __u64 a, __u64 b, __u64 c, __u64 d, __u64 e)
{
	if (settings.kinds && !(settings.kinds >> (kind & 31) & 1))
		return 0;
	if (settings.task && task != settings.task)
		return 0;
	if (!is_of_fibril(kind, a, b) || !is_wanted())
		return 0;
	switch (kind) {
	case FIBRIL_RECORD_SWITCH:
		return single(task, kind, b, a, c);
	case FIBRIL_RECORD_BLOCK:
		return on_block(context, task, a, b, c, d);
	case FIBRIL_RECORD_WAKE:
		return single(task, kind, a, c, b);
	case FIBRIL_RECORD_SUBMIT:
		return on_submit(task, a, b, c, d, (const char *)e);
	case FIBRIL_RECORD_TEARDOWN:
		return single(task, kind, a, b, 0);
	case FIBRIL_RECORD_TASK_START:
		return single(task, kind, c, a, 0);
	case FIBRIL_RECORD_TASK_STOP:
		return single(task, kind, c, 0, 0);
	}
	return 0;
}

#if defined(__TARGET_ARCH_arm64)
#define SIXTH_ARGUMENT(context) (((struct user_pt_regs *)(context))->regs[5])
#else
#define SIXTH_ARGUMENT(context) ((context)->r9)
#endif

/* Attached by a uprobe_multi link: the arguments lie where the site's assembly puts them. */
SEC("uprobe")
int event_registers(struct pt_regs *context)
{
	return on_event(context, bpf_get_attach_cookie(context), PT_REGS_PARM1(context), PT_REGS_PARM2(context),
			PT_REGS_PARM3(context), PT_REGS_PARM4(context), PT_REGS_PARM5(context),
			SIXTH_ARGUMENT(context));
}

/* Attached by libbpf, which looks up in the note where the arguments lie. */
SEC("usdt")
int event_note(struct pt_regs *context)
{
	long argument[6] = {};

	for (int i = 0; i < 6; i++)
		bpf_usdt_arg(context, i, &argument[i]);
	return on_event(context, bpf_usdt_cookie(context), argument[0], argument[1], argument[2], argument[3],
			argument[4], argument[5]);
}
