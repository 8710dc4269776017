/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The probe `batch`: copies a task's buffer of records into the ring, one trap for a thousand of
 * them, and keeps an exact account of those that find no place.
 */
#include <linux/bpf.h>
#include <linux/ptrace.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/usdt.bpf.h>

#include "fibril_ring.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#define PAGE 4096ull
#define RECORD sizeof(struct fibril_record)

/* The verifier drops the branches that these rule out. */
const volatile struct fibril_batch_settings settings;

/* Batches whose task found no place in `unplaced` either. */
__u64 uncounted;

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024 * 1024);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, __u64);
	__type(value, struct fibril_unplaced);
	__uint(max_entries, 16384);
} unplaced SEC(".maps");

/* The one field of the kernel's that is read here; where it lies is settled when the object is loaded. */
struct task_struct {
	__u32 self_exec_id;
} __attribute__((preserve_access_index));

/* Linux 6.16 and later. */
extern int bpf_probe_read_user_dynptr(struct bpf_dynptr *to, __u64 offset, __u64 bytes,
				      const void *from) __ksym __weak;

static __always_inline bool is_wanted(__u32 tgid)
{
	struct bpf_pidns_info inside;

	if (!settings.only_tgid)
		return true;
	if (!settings.namespace_inode)
		return tgid == settings.only_tgid;
	return !bpf_get_ns_current_pid_tgid(settings.namespace_device, settings.namespace_inode, &inside,
					    sizeof(inside)) &&
	       inside.tgid == settings.only_tgid;
}

static __always_inline void count_unplaced(__u64 task, __u64 first, __u64 records)
{
	struct fibril_unplaced none = { .first = first }, *of_task;

	of_task = bpf_map_lookup_elem(&unplaced, &task);
	if (!of_task) {
		bpf_map_update_elem(&unplaced, &task, &none, BPF_NOEXIST);
		of_task = bpf_map_lookup_elem(&unplaced, &task);
	}
	if (!of_task) {
		__sync_fetch_and_add(&uncounted, 1);
		return;
	}
	/* Only the task's own thread is here: nobody else writes this value. */
	of_task->records += records;
	of_task->end = first + records;
}

/* Waking the reader costs twice the rest: it looks every 100 ms by itself unless the ring fills. */
static __always_inline __u64 wake_up(void)
{
	__u64 filled = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return filled > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline int place_exact(struct fibril_batch *batch, const void *records)
{
	struct bpf_dynptr entry;
	int error;

	error = bpf_ringbuf_reserve_dynptr(&ring, sizeof(*batch) + batch->bytes, 0, &entry);
	if (error) {
		bpf_ringbuf_discard_dynptr(&entry, 0);
		return error;
	}
	error = bpf_probe_read_user_dynptr(&entry, sizeof(*batch), batch->bytes, records);
	if (!error)
		error = bpf_dynptr_write(&entry, 0, batch, sizeof(*batch), 0);
	if (error)
		bpf_ringbuf_discard_dynptr(&entry, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit_dynptr(&entry, wake_up());
	return error;
}

/* For older kernels, whose verifier wants to know the size: a whole buffer's, however full. */
struct fixed_entry {
	struct fibril_batch batch;
	__u8 records[FIBRIL_BUFFER_SLOTS * RECORD];
};

static __always_inline int place_fixed(struct fibril_batch *batch, const void *records)
{
	struct fixed_entry *entry;
	__u32 bytes = batch->bytes;
	int error;

	if (bytes > sizeof(entry->records))
		return -E2BIG;
	entry = bpf_ringbuf_reserve(&ring, sizeof(*entry), 0);
	if (!entry)
		return -EINVAL;
	entry->batch = *batch;
	error = bpf_probe_read_user(entry->records, bytes, records);
	if (error)
		bpf_ringbuf_discard(entry, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(entry, wake_up());
	return error;
}

static __always_inline int place(struct fibril_batch *batch, const void *records)
{
	if (bpf_probe_read_user_dynptr && !settings.fixed_entries)
		return place_exact(batch, records);
	return place_fixed(batch, records);
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
	struct fibril_batch batch = {
		.task = task,
		.first = first,
		.bytes = bytes,
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.image = bpf_get_current_task_btf()->self_exec_id,
	};
	int error = -E2BIG;

	if (!is_wanted(batch.tgid) || bytes < RECORD)
		return 0;
	if (bytes <= FIBRIL_BATCH_MAX_BYTES && bytes % RECORD == 0) {
		error = place(&batch, records);
		if (error == -EFAULT && settings.may_sleep) {
			fault_in(records, batch.bytes);
			error = place(&batch, records);
		}
	}
	if (error)
		count_unplaced(task, first, bytes / RECORD);
	return 0;
}

/* Attached by a uprobe_multi link: the arguments lie where the site's assembly puts them. */
SEC("uprobe.s")
int BPF_KPROBE(batch_registers, __u64 task, const void *records, __u64 bytes, __u64 first)
{
	return on_batch(task, records, bytes, first);
}

/* Attached by libbpf, which looks up in the note where the arguments lie. */
SEC("usdt")
int BPF_USDT(batch_note, __u64 task, void *records, __u64 bytes, __u64 first)
{
	return on_batch(task, records, bytes, first);
}
