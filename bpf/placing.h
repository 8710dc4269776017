/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Placing entries in the ring, and the exact account of what finds no place. */
#ifndef FIBRIL_PLACING_H
#define FIBRIL_PLACING_H

#define RECORD sizeof(struct fibril_record)

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024 * 1024);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__type(key, struct fibril_unplaced_key);
	__type(value, struct fibril_unplaced);
	__uint(max_entries, 16384);
} unplaced SEC(".maps");

/* Linux 6.16 and later. */
extern int bpf_probe_read_user_dynptr(struct bpf_dynptr *to, __u64 offset, __u64 bytes,
				      const void *from) __ksym __weak;

static __always_inline void count_unplaced(const struct fibril_ring_entry *entry)
{
	struct fibril_unplaced_key key = { .image = entry->image, .task = entry->task };
	struct fibril_unplaced none = { .first = entry->number }, *of_task;
	__u64 records = entry->bytes / RECORD;

	of_task = bpf_map_lookup_elem(&unplaced, &key);
	if (!of_task) {
		bpf_map_update_elem(&unplaced, &key, &none, BPF_NOEXIST);
		of_task = bpf_map_lookup_elem(&unplaced, &key);
	}
	if (!of_task) {
		__sync_fetch_and_add(&counts.uncounted, 1);
		return;
	}
	/* Only the task's own thread is here: nobody else writes this value. */
	of_task->records += records;
	of_task->end = entry->number + records;
}

/* Waking the reader costs twice the rest: it looks every 100 ms by itself unless the ring fills. */
static __always_inline __u64 wake_up(void)
{
	__u64 filled = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	return filled > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 4 ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline int place_exact(struct fibril_ring_entry *entry, const void *records)
{
	struct bpf_dynptr place;
	int error;

	error = bpf_ringbuf_reserve_dynptr(&ring, sizeof(*entry) + entry->bytes, 0, &place);
	if (error) {
		bpf_ringbuf_discard_dynptr(&place, 0);
		return error;
	}
	error = bpf_probe_read_user_dynptr(&place, sizeof(*entry), entry->bytes, records);
	if (!error)
		error = bpf_dynptr_write(&place, 0, entry, sizeof(*entry), 0);
	if (error)
		bpf_ringbuf_discard_dynptr(&place, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit_dynptr(&place, wake_up());
	return error;
}

/* For older kernels, whose verifier wants to know the size: a whole buffer's, however full. */
struct fixed_entry {
	struct fibril_ring_entry entry;
	__u8 records[FIBRIL_BUFFER_SLOTS * RECORD];
};

static __always_inline int place_fixed(struct fibril_ring_entry *entry, const void *records)
{
	struct fixed_entry *place;
	__u32 bytes = entry->bytes;
	int error;

	if (bytes > sizeof(place->records))
		return -E2BIG;
	place = bpf_ringbuf_reserve(&ring, sizeof(*place), 0);
	if (!place)
		return -EINVAL;
	place->entry = *entry;
	error = bpf_probe_read_user(place->records, bytes, records);
	if (error)
		bpf_ringbuf_discard(place, BPF_RB_NO_WAKEUP);
	else
		bpf_ringbuf_submit(place, wake_up());
	return error;
}

static __always_inline int place(struct fibril_ring_entry *entry, const void *records)
{
	if (bpf_probe_read_user_dynptr && !settings.fixed_entries)
		return place_exact(entry, records);
	return place_fixed(entry, records);
}

/* An entry without records. They are rare, and what they tell does not wait. */
static __always_inline void post(struct fibril_ring_entry *entry)
{
	entry->time = bpf_ktime_get_ns();
	if (bpf_ringbuf_output(&ring, entry, sizeof(*entry), BPF_RB_FORCE_WAKEUP))
		__sync_fetch_and_add(&counts.unposted, 1);
}

#endif
