/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) OR Apache-2.0 */
/*
 * Part of the implementation of fibril_probes.h: interned names. Each text stands once in the process's append-only
 * table, where a tracer reads it by its index.
 */

/* Open addressing, twice as many places as there can be names; mapped at the first name. */
#define FIBRIL_NAME_PLACES (2 * FIBRIL_MOST_NAMES)

static uint32_t *fibril_name_index;

const char *fibril_name_text(uint32_t name)
{
	return name ? (const char *)fibril_file.header + FIBRIL_NAMES_OFFSET + name * sizeof(struct fibril_name) : NULL;
}

/* What of a text goes into a name: the kernel of no tracer's reads beyond its NUL, so none may be inside. */
static size_t fibril_name_cut(const char *text, size_t bytes)
{
	size_t length = strnlen(text, bytes < sizeof(struct fibril_name) ? bytes : sizeof(struct fibril_name));

	if (length < sizeof(struct fibril_name))
		return length;
	length--;
	while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) /* not at the first byte of a character */
		length--;
	return length;
}

/* The place of a name in the index, or the free one where it belongs. */
static uint32_t fibril_name_place(const uint32_t *index, const struct fibril_name *name)
{
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

	for (const char *at = name->text; *at; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
	uint32_t place = (uint32_t)(hash ^ hash >> 32) & (FIBRIL_NAME_PLACES - 1);
	for (;; place = (place + 1) & (FIBRIL_NAME_PLACES - 1)) {
		uint32_t known = __atomic_load_n(&index[place], __ATOMIC_ACQUIRE);
		if (!known || memcmp(fibril_name_text(known), name, sizeof *name) == 0)
			return place;
	}
}

/* Under the lock. */
static uint32_t fibril_name_add(const struct fibril_name *name)
{
	if (!fibril_name_index) {
		void *index = fibril_reserve(FIBRIL_NAME_PLACES * sizeof(uint32_t));
		__atomic_store_n(&fibril_name_index, (uint32_t *)index, __ATOMIC_RELEASE);
		if (!index)
			return 0;
	}
	uint32_t place = fibril_name_place(fibril_name_index, name), number = fibril_file.header->name_count;
	if (fibril_name_index[place])
		return fibril_name_index[place];
	if (number >= FIBRIL_MOST_NAMES)
		return 0;
	memcpy((char *)fibril_file.header + FIBRIL_NAMES_OFFSET + number * sizeof *name, name, sizeof *name);
	__atomic_store_n(&fibril_name_index[place], number, __ATOMIC_RELEASE);
	__atomic_store_n(&fibril_file.header->name_count, number + 1, __ATOMIC_RELEASE);
#ifdef FIBRIL_PROBES_TABLE
	__atomic_store_n(&fibril_root.name_count, number + 1, __ATOMIC_RELEASE);
#endif
	return number;
}

uint32_t fibril_name(const char *text, size_t bytes)
{
	struct fibril_name name;

	pthread_once(&fibril_file.once, fibril_file_set_up);
	memset(&name, 0, sizeof name);
	memcpy(name.text, text, fibril_name_cut(text, bytes));
	if (!name.text[0] || !fibril_file.header)
		return 0;
	/* The table is only added to, so a name that is in it is found without the lock that all tasks share. */
	const uint32_t *index = __atomic_load_n(&fibril_name_index, __ATOMIC_ACQUIRE);
	uint32_t number = index ? __atomic_load_n(&index[fibril_name_place(index, &name)], __ATOMIC_ACQUIRE) : 0;
	if (number)
		return number;
	pthread_mutex_lock(&fibril_file.lock);
	number = fibril_name_add(&name);
	pthread_mutex_unlock(&fibril_file.lock);
	return number;
}
