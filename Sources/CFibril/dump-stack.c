/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backtraces from inside, by frame pointers, which the runtime and Swift keep. C libraries often do not: where the
 * chain breaks the walk goes on at the next words that look like a frame, and what hangs on that is a guess.
 */
#include "dump.h"
#include "fibril_context.h"

/* How far the next frame is looked for. */
enum { SEARCH_BYTES = 65536 };

/* What of a saved context (enum fibril_context) is needed here, by its distance from the stack pointer. */
#if defined(__x86_64__)
enum { SAVED_PC = 0, SAVED_FRAME_POINTER = 48, RETURN_ADDRESS = 72 };
#else
enum { SAVED_PC = 8, SAVED_FRAME_POINTER = 0, RETURN_ADDRESS = 160 };
#endif

static bool word(struct dump *dump, uint64_t address, uint64_t *value)
{
	struct dump_stack *stack = &dump->stack;

	if (address < stack->low || address >= stack->high || stack->high - address < sizeof *value || address & 7)
		return false;
	if (address < stack->window || address - stack->window + sizeof *value > stack->window_bytes) {
		uint64_t bytes = stack->high - address;
		if (bytes > sizeof stack->bytes)
			bytes = sizeof stack->bytes;
		stack->window = address;
		stack->window_bytes = dump_read(&dump->memory, stack->bytes, address, bytes);
		if (stack->window_bytes < sizeof *value)
			return false;
	}
	*value = *(const uint64_t *)(stack->bytes + (address - stack->window));
	return true;
}

static bool push(struct dump_stack *stack, uint64_t pc)
{
	if (stack->count == DUMP_MOST_FRAMES) {
		stack->note = "more frames follow";
		return false;
	}
	stack->frames[stack->count++] = pc;
	return true;
}

/* The two words of a frame: the caller's frame pointer, 0 at the beginning of the stack, and where it goes on. */
static bool frame(struct dump *dump, uint64_t address, uint64_t *next, uint64_t *pc)
{
	return word(dump, address, next) && word(dump, address + 8, pc);
}

/* The next place from `address` on whose two words look like a frame; 0: there is none near. */
static uint64_t search(struct dump *dump, uint64_t address)
{
	uint64_t next, pc, beyond, caller;

	for (uint64_t end = address + SEARCH_BYTES; address < end; address += 8) {
		if (!frame(dump, address, &next, &pc))
			return 0;
		if (next <= address || next & 7 || next >= dump->stack.high || !dump_is_code(&dump->modules, pc))
			continue;
		if (frame(dump, next, &beyond, &caller) && dump_is_code(&dump->modules, caller))
			return address;
	}
	return 0;
}

static void follow(struct dump *dump, uint64_t frame_pointer, uint64_t stack_pointer)
{
	struct dump_stack *stack = &dump->stack;
	uint64_t address = frame_pointer, lowest = stack_pointer, next, pc;

	for (;;) {
		if (address < lowest || !frame(dump, address, &next, &pc) || pc == 0) {
			address = search(dump, (lowest + 7) & ~7ull);
			if (address == 0) {
				stack->note = "its frame pointers lead no further";
				return;
			}
			if (stack->guesses > stack->count)
				stack->guesses = stack->count;
			continue;
		}
		if (!push(stack, pc))
			return;
		if (next == 0)
			return;
		lowest = address + 16;
		address = next;
	}
}

static void begin(struct dump *dump, uint64_t low, uint64_t high)
{
	struct dump_stack *stack = &dump->stack;

	stack->low = low;
	stack->high = high;
	stack->window_bytes = 0;
	stack->count = 0;
	stack->exact = 0;
	stack->guesses = DUMP_MOST_FRAMES;
	stack->has_guessed_caller = false;
	stack->note = NULL;
}

void dump_walk(struct dump *dump, const struct dump_place *place, uint64_t high)
{
	struct dump_stack *stack = &dump->stack;
	uint64_t sp = place->stack_pointer, top;

	begin(dump, sp, high);
	push(stack, place->pc);
	stack->exact = place->is_exact;
	/* Code that was interrupted, or is in a system call, may have no frame yet, or none at all. */
	stack->has_guessed_caller = (place->is_exact || !place->frame_pointer) && word(dump, sp, &top) &&
				    (top != place->frame_pointer || word(dump, sp + 8, &top)) &&
				    dump_is_code(&dump->modules, top);
	if (stack->has_guessed_caller)
		push(stack, top);
	follow(dump, place->frame_pointer, sp);
}

bool dump_walk_parked(struct dump *dump, const struct fibril_entry *entry)
{
	uint64_t pc, frame_pointer, caller;

	begin(dump, entry->stack_pointer, entry->stack_high);
	if (!word(dump, entry->stack_pointer + SAVED_PC, &pc) ||
	    !word(dump, entry->stack_pointer + SAVED_FRAME_POINTER, &frame_pointer))
		return false;
	push(&dump->stack, pc);
	if (pc == (uint64_t)fibril_context_start)
		return true;
	if (word(dump, entry->stack_pointer + RETURN_ADDRESS, &caller))
		push(&dump->stack, caller);
	follow(dump, frame_pointer, entry->stack_pointer + RETURN_ADDRESS);
	return true;
}

void dump_put_frames(struct dump *dump)
{
	const struct dump_stack *stack = &dump->stack;
	struct dump_text *text = &dump->text;

	dump_put(text, " <FIBRIL>\n");
	for (uint32_t i = 0; i < stack->count; i++) {
		dump_put(text, i >= stack->guesses || (i == 1 && stack->has_guessed_caller) ? " ? " : " ");
		dump_put_hexadecimal(text, stack->frames[i]);
		if (dump_module_of(&dump->modules, stack->frames[i])) {
			dump_put(text, " [");
			dump_put_place(dump, stack->frames[i]);
			dump_put(text, "]");
		}
		dump_put(text, i < stack->exact ? " (interrupted here)\n" : "\n");
	}
	if (stack->note) {
		dump_put(text, " (");
		dump_put(text, stack->note);
		dump_put(text, ")\n");
	}
	dump_put(text, " </FIBRIL>\n");
}
