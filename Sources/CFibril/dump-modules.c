/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which files a process runs, where they lie and which build they are, from /proc/self/maps: to ask the
 * dynamic linker would take its lock.
 */
#include "dump.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

enum {
	LINE_BYTES = 4096 + 128,
	MOST_SEGMENTS = 32,
	MOST_NOTE_BYTES = 4096,
	MOST_ID_BYTES = 32,
};

/* One line of the map. */
struct mapping {
	uint64_t low, high, offset, inode, device;
	bool is_code;
	const char *path;
	size_t path_length;
};

static bool take_number(const char **at, const char *end, unsigned base, uint64_t *number)
{
	const char *start = *at;

	*number = 0;
	for (; *at < end; ++*at) {
		unsigned digit = (unsigned)(**at - '0');
		if (digit > 9)
			digit = **at >= 'a' && **at <= 'f' ? (unsigned)(**at - 'a' + 10) : 16;
		if (digit >= base)
			break;
		*number = *number * base + digit;
	}
	return *at > start;
}

static bool take(const char **at, const char *end, char byte)
{
	if (*at == end || **at != byte)
		return false;
	++*at;
	return true;
}

/* 55d0c0000000-55d0c0100000 r-xp 00001000 fe:01 1234     /usr/bin/program */
static bool parse(const char *line, const char *end, struct mapping *mapping)
{
	uint64_t major, minor;

	if (!take_number(&line, end, 16, &mapping->low) || !take(&line, end, '-') ||
	    !take_number(&line, end, 16, &mapping->high) || !take(&line, end, ' ') || end - line < 5)
		return false;
	mapping->is_code = line[2] == 'x';
	line += 5;
	if (!take_number(&line, end, 16, &mapping->offset) || !take(&line, end, ' ') ||
	    !take_number(&line, end, 16, &major) || !take(&line, end, ':') || !take_number(&line, end, 16, &minor) ||
	    !take(&line, end, ' ') || !take_number(&line, end, 10, &mapping->inode))
		return false;
	mapping->device = major << 32 | minor;
	while (take(&line, end, ' '))
		;
	mapping->path = line;
	mapping->path_length = (size_t)(end - line);
	return true;
}

/* The build id in a segment of notes. Returns its length. */
static size_t find_id(const char *notes, size_t bytes, unsigned char id[MOST_ID_BYTES])
{
	size_t at = 0;
	Elf64_Nhdr note;

	while (bytes - at >= sizeof note) {
		memcpy(&note, notes + at, sizeof note);
		at += sizeof note;
		size_t name = ((size_t)note.n_namesz + 3) & ~(size_t)3, descriptor = ((size_t)note.n_descsz + 3) & ~(size_t)3;
		if (name > bytes - at || descriptor > bytes - at - name)
			return 0;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 && memcmp(notes + at, "GNU", 4) == 0 &&
		    note.n_descsz <= MOST_ID_BYTES) {
			memcpy(id, notes + at + name, note.n_descsz);
			return note.n_descsz;
		}
		at += name + descriptor;
	}
	return 0;
}

/* By the program headers as they were loaded. The stack's window, which is not in use yet, takes the notes. */
static size_t read_id(struct dump *dump, const struct dump_module *module, unsigned char id[MOST_ID_BYTES])
{
	Elf64_Ehdr header;
	Elf64_Phdr segment;
	uint64_t bias = module->low;

	if (dump_read(&dump->memory, &header, module->low, sizeof header) != sizeof header ||
	    memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof segment)
		return 0;
	bool is_biased = false;
	for (unsigned i = 0; i < header.e_phnum && i < MOST_SEGMENTS; i++) {
		uint64_t address = module->low + header.e_phoff + i * sizeof segment;
		if (dump_read(&dump->memory, &segment, address, sizeof segment) != sizeof segment)
			return 0;
		if (segment.p_type == PT_LOAD && !is_biased) {
			bias = module->low - (segment.p_vaddr - segment.p_offset);
			is_biased = true;
		}
	}
	for (unsigned i = 0; i < header.e_phnum && i < MOST_SEGMENTS; i++) {
		uint64_t address = module->low + header.e_phoff + i * sizeof segment;
		if (dump_read(&dump->memory, &segment, address, sizeof segment) != sizeof segment)
			return 0;
		if (segment.p_type != PT_NOTE)
			continue;
		size_t bytes = segment.p_memsz < MOST_NOTE_BYTES ? segment.p_memsz : MOST_NOTE_BYTES;
		bytes = dump_read(&dump->memory, dump->stack.bytes, bias + segment.p_vaddr, bytes);
		size_t length = find_id(dump->stack.bytes, bytes, id);
		if (length)
			return length;
	}
	return 0;
}

static void put_id(struct dump *dump, const struct dump_module *module)
{
	unsigned char id[MOST_ID_BYTES];
	size_t length = read_id(dump, module, id);
	char digits[2 * MOST_ID_BYTES + 1];

	for (size_t i = 0; i < length; i++) {
		digits[2 * i] = "0123456789abcdef"[id[i] >> 4];
		digits[2 * i + 1] = "0123456789abcdef"[id[i] & 15];
	}
	digits[2 * length] = 0;
	dump_put(&dump->text, length ? digits : "-");
}

/* Where the last part of a path begins, that of a deleted file too. */
static size_t name_start(const char *path, size_t length)
{
	size_t start = 0;

	for (size_t i = 0; i + 1 < length; i++)
		if (path[i] == '/')
			start = i + 1;
	return start;
}

/* The last module is complete: it stays if it has code. */
static void finish(struct dump *dump)
{
	struct dump_modules *modules = &dump->modules;

	if (modules->count == 0)
		return;
	struct dump_module *module = &modules->module[modules->count - 1];
	if (module->code_high == 0) {
		modules->count--;
		return;
	}
	size_t start = name_start(modules->path, modules->path_length), length = modules->path_length - start;
	if (length > sizeof module->name - 1)
		length = sizeof module->name - 1;
	memcpy(module->name, modules->path + start, length);
	module->name[length] = 0;
	struct dump_text *text = &dump->text;
	dump_put(text, " module ");
	dump_put_hexadecimal(text, module->low);
	dump_put(text, "-");
	dump_put_hexadecimal(text, module->high);
	dump_put(text, " build-id:");
	put_id(dump, module);
	dump_put(text, " ");
	dump_put_foreign(text, modules->path, modules->path_length);
	dump_put(text, "\n");
}

static bool goes_on(const struct dump_modules *modules, const struct mapping *mapping)
{
	return modules->path_length && mapping->offset > 0 && mapping->inode == modules->inode &&
	       mapping->device == modules->device && mapping->path_length == modules->path_length &&
	       memcmp(mapping->path, modules->path, mapping->path_length) == 0;
}

static void add(struct dump *dump, const struct mapping *mapping)
{
	struct dump_modules *modules = &dump->modules;
	bool is_vdso = mapping->path_length == 6 && memcmp(mapping->path, "[vdso]", 6) == 0;

	if (mapping->path_length == 0 || mapping->path_length > sizeof modules->path ||
	    (mapping->path[0] != '/' && !is_vdso))
		return;
	if (!goes_on(modules, mapping)) {
		finish(dump);
		if (modules->count == DUMP_MOST_MODULES) {
			modules->is_cut = true;
			modules->count--;
		}
		modules->module[modules->count++] = (struct dump_module){.low = mapping->low};
		modules->inode = mapping->inode;
		modules->device = mapping->device;
		modules->path_length = (uint32_t)mapping->path_length;
		memcpy(modules->path, mapping->path, mapping->path_length);
	}
	struct dump_module *module = &modules->module[modules->count - 1];
	module->high = mapping->high;
	if (mapping->is_code && module->code_high == 0)
		module->code_low = mapping->low;
	if (mapping->is_code)
		module->code_high = mapping->high;
}

static void read_lines(struct dump *dump, int64_t file)
{
	/* Notes are read into the window's beginning, lines into what lies above. */
	char *buffer = dump->stack.bytes + MOST_NOTE_BYTES;
	size_t room = sizeof dump->stack.bytes - MOST_NOTE_BYTES, length = 0;
	struct mapping mapping;

	_Static_assert(DUMP_WINDOW_BYTES - MOST_NOTE_BYTES >= LINE_BYTES, "the longest line has room");
	for (;;) {
		int64_t got = fibril_system_call(SYS_read, (uint64_t)file, (uint64_t)(buffer + length), room - length, 0, 0, 0);
		if (got == -EINTR)
			continue;
		if (got <= 0)
			break;
		length += (size_t)got;
		char *line = buffer, *end;
		while ((end = memchr(line, '\n', (size_t)(buffer + length - line)))) {
			if (parse(line, end, &mapping))
				add(dump, &mapping);
			line = end + 1;
		}
		length -= (size_t)(line - buffer);
		memmove(buffer, line, length);
		if (length == room)
			length = 0; /* no line is as long */
	}
	finish(dump);
}

void dump_put_modules(struct dump *dump)
{
	int64_t file = fibril_system_call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t) "/proc/self/maps",
					  O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (file < 0) {
		dump->modules.error = file;
		dump_put(&dump->text, "(no modules: /proc/self/maps cannot be read)\n");
		return;
	}
	dump_put(&dump->text, "Modules:\n");
	read_lines(dump, file);
	fibril_system_call(SYS_close, (uint64_t)file, 0, 0, 0, 0, 0);
	if (dump->modules.is_cut)
		dump_put(&dump->text, "(there are more modules than are told here)\n");
}

const struct dump_module *dump_module_of(struct dump_modules *modules, uint64_t address)
{
	uint32_t low = 0, high = modules->count;
	const struct dump_module *last = &modules->module[modules->last];

	if (high > 0 && address >= last->low && address < last->high)
		return last;
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		if (modules->module[middle].high <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == modules->count || modules->module[low].low > address)
		return NULL;
	modules->last = low;
	return &modules->module[low];
}

bool dump_is_code(struct dump_modules *modules, uint64_t address)
{
	const struct dump_module *module = dump_module_of(modules, address);

	return module && address >= module->code_low && address < module->code_high;
}

bool dump_put_place(struct dump *dump, uint64_t address)
{
	const struct dump_module *module = dump_module_of(&dump->modules, address);

	if (!module)
		return false;
	dump_put_foreign(&dump->text, module->name, sizeof module->name);
	dump_put(&dump->text, "+");
	dump_put_hexadecimal(&dump->text, address - module->low);
	return true;
}
