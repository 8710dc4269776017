# SPDX-License-Identifier: Apache-2.0
"""Fibrils in gdb: `fibril list` and `fibril bt`, for live processes and core files.

    (gdb) source fibril-gdb.py
    (gdb) fibril list
    (gdb) fibril bt 17

It reads the fibril table (fibril_table.h), to which a note leads that `strip -s` leaves in place, and
writes nothing: neither memory nor registers of the process change.
"""

import re
import struct

import gdb
import gdb.unwinder

ROOT_MAGIC = 0x656C626154726946
STATES = {1: "R", 2: "R", 3: "S", 4: "Z"}
BLOCKED, DEAD = 3, 4
FLAG_CALL = 1
OWNER_THREAD = 1 << 62
MOST_ENTRIES = 1 << 24  # a table that claims more is damaged

# enum fibril_context: where registers lie from a parked fibril's stack pointer on, the stack pointer itself
# once they are restored, and what the program counter and the stack pointer are called.
CONTEXTS = {
    1: ({"rip": 0, "r15": 8, "r14": 16, "r13": 24, "r12": 32, "rbx": 40, "rbp": 48}, 56, "rip", "rsp"),
    2: (dict({"x29": 0, "pc": 8}, **{"x%d" % (19 + i): 16 + 8 * i for i in range(10)}), 160, "pc", "sp"),
}


def read(address, size):
    try:
        return bytes(gdb.selected_inferior().read_memory(address, size))
    except gdb.MemoryError:
        raise gdb.GdbError("cannot read %d bytes at %#x of the fibril table: is this core file complete?"
                           % (size, address))


class Slot:
    """One task: struct fibril_task_slot."""

    def __init__(self, data):
        (self.task, self.tid, _, self.running, _, _, _, self.runnable, self.chunks, self.chunk_count,
         self.chunk_entries) = struct.unpack_from("<QIIQQQQQQII", data)


class Entry:
    """One fibril or call: struct fibril_entry."""

    def __init__(self, data, slot):
        (self.sequence, self.state, self.reason, self.flags, _, self.id, self.stack_pointer, _, self.object, _, _, _,
         self.stack_low, self.stack_high, self.parent, self.entry, self.name_index, self.call, self.owner,
         self.deadline) = struct.unpack_from("<IBBBBQQQQQQQQQQQIiQQ", data)
        self.arguments = struct.unpack_from("<6Q", data, 128)
        self.slot = slot

    @property
    def is_running(self):
        return self.sequence % 2 == 1

    @property
    def is_parked(self):
        return not self.is_running and self.stack_low <= self.stack_pointer < self.stack_high


class Table:
    """The table of the selected process, as it is now: the process stands still."""

    def __init__(self):
        self.root = self.find_root()
        (magic, _, _, _, self.context, _, _, _, _, self.tasks, self.task_bytes, self.task_slots, self.names,
         self.name_bytes, self.name_count, self.fibril_bytes) = struct.unpack_from("<QIIIIQQQQQIIQIII", self.root)
        if magic == 0:
            raise gdb.GdbError("no thread of this process has become a task yet")
        if magic != ROOT_MAGIC or self.task_bytes < 72 or self.fibril_bytes < 176:
            raise gdb.GdbError("the fibril table of this process is damaged")

    @staticmethod
    def find_root():
        if gdb.selected_thread() is None:
            raise gdb.GdbError("there is no process: attach to one, run one, or open a core file")
        sections = gdb.execute("info files", to_string=True)
        for line in re.findall(r"^\s*(0x[0-9a-f]+) - 0x[0-9a-f]+ is \.note\.fibril\b", sections, re.MULTILINE):
            note = int(line, 16)
            name_bytes, _, kind = struct.unpack("<III", read(note, 12))
            if name_bytes != 7 or kind != 1 or read(note + 12, 7) != b"Fibril\0":
                continue
            descriptor = note + 12 + 8
            root = descriptor + struct.unpack("<q", read(descriptor, 8))[0]
            return read(root, 128)
        raise gdb.GdbError("no module of this process holds a fibril table: does gdb know its program (file) and "
                           "libraries (info sharedlibrary)?")

    def slots(self):
        for index in range(self.task_slots):
            slot = Slot(read(self.tasks + index * self.task_bytes, 72))
            if slot.task:
                yield slot

    def entries(self):
        left = MOST_ENTRIES
        for slot in self.slots():
            for index in range(slot.chunk_count):
                left -= slot.chunk_entries
                if left < 0:
                    raise gdb.GdbError("the fibril table claims more fibrils than there can be")
                chunk = struct.unpack("<Q", read(slot.chunks + 8 * index, 8))[0]
                data = read(chunk, slot.chunk_entries * self.fibril_bytes)
                for start in range(0, len(data), self.fibril_bytes):
                    if struct.unpack_from("<Q", data, start + 8)[0]:
                        yield Entry(data[start:start + self.fibril_bytes], slot)

    def find(self, number):
        for entry in self.entries():
            if entry.id == number:
                return entry
        raise gdb.GdbError("there is no fibril %d: `fibril list` shows those that are" % number)

    def name(self, entry):
        if 0 < entry.name_index < self.name_count:
            data = read(self.names + entry.name_index * self.name_bytes, 64)
            return printable(data.split(b"\0")[0].decode("utf-8", "replace"))
        if entry.flags & FLAG_CALL:
            return "call %d" % entry.call
        return (entry.entry and function_at(entry.entry)) or "-"

    def waits(self, entry):
        """What the fibril does, in the words of `fibril dump`."""
        if entry.is_running:
            return "running fibril"
        if entry.state == DEAD:
            return "ended, waiting to be joined"
        if entry.state != BLOCKED:
            return "runnable"
        if entry.flags & FLAG_CALL:
            return "pending " + call(entry)
        text = {
            1: call(entry) if entry.call >= 0 else "system call %d(...)" % entry.object,
            2: "to be woken",
            3: "join fibril %d" % entry.object if entry.object else "join all",
            4: "completions",
            5: "sleep of %.1f s" % (entry.object / 1e9),
            6: "mutex %#x" % entry.object,
            7: "semaphore %#x" % entry.object,
            8: "condition %#x" % entry.object,
            9: "send to channel %#x" % entry.object,
            10: "receive from channel %#x" % entry.object,
        }.get(entry.reason, "blocked for reason %d, object %#x" % (entry.reason, entry.object))
        return text + (" held by " + self.holder(entry.object) if entry.reason == 6 else "")

    def holder(self, lock):
        owner = struct.unpack("<Q", read(lock, 8))[0] >> 1
        if owner & OWNER_THREAD:
            return "thread %d" % (owner & ~OWNER_THREAD)
        return "fibril %d" % owner if owner else "nobody known"

    def line(self, entry):
        state = "R" if entry.is_running else STATES.get(entry.state, "?")
        task = "task:%d(tid %d)" % (entry.slot.task, entry.slot.tid)
        return "%-22s state:%s id:%-5d %-15s parent:%-4d %s" % (
            "fibril:" + self.name(entry), state, entry.id, task, entry.parent, self.waits(entry))


def call(entry):
    arguments = list(entry.arguments)
    while arguments and arguments[-1] == 0:
        arguments.pop()
    return "system call %d(%s)" % (entry.call, ", ".join(
        str(value) if value < 10000 else "%#x" % value for value in arguments))


def printable(text):
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def function_at(address):
    found = gdb.execute("info symbol %#x" % address, to_string=True)
    match = re.match(r"(.*?)( \+ \d+)? in section ", found)
    return match and match.group(1)


class FrameID:
    """What gdb tells frames apart by."""

    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """Makes a parked fibril's context the caller of the selected thread's innermost frame.

    So gdb itself unwinds the fibril's stack, by all the rules that it knows, and no register is written, which
    would not do for a core file.
    """

    def __init__(self):
        super().__init__("fibril")
        self.here = None

    def show(self, table, entry):
        """gdb's backtrace of a parked fibril."""
        offsets, size, self.pc, self.sp = CONTEXTS[table.context]
        data = read(entry.stack_pointer, size)
        word = gdb.lookup_type("unsigned long")
        value = lambda number: gdb.Value(number).cast(word)
        self.registers = {name: value(struct.unpack_from("<Q", data, at)[0]) for name, at in offsets.items()}
        self.registers[self.sp] = value(entry.stack_pointer + size)
        # Frames must not lie further in than those they call: the innermost one gets a place below the fibril's.
        self.frame = FrameID(value(entry.stack_pointer), self.registers[self.pc])
        newest = gdb.newest_frame()
        self.here = (int(newest.read_register(self.pc)), int(newest.read_register(self.sp)))
        gdb.invalidate_cached_frames()
        try:
            return without_first(self.first_level(), gdb.execute("with width 0 -- backtrace", to_string=True))
        finally:
            self.here = None
            gdb.invalidate_cached_frames()

    def first_level(self):
        """How many frames are the thread's: its innermost one, and what is inlined there."""
        frame = gdb.newest_frame()
        while frame.is_valid() and frame.level() < 64 and frame.older() is not None:
            if int(frame.read_register(self.sp)) == int(self.registers[self.sp]):
                break
            frame = frame.older()
        return frame.level()

    def __call__(self, pending):
        if self.here is None:
            return None
        if (int(pending.read_register(self.pc)), int(pending.read_register(self.sp))) != self.here:
            return None
        info = pending.create_unwind_info(self.frame)
        for name, register in self.registers.items():
            info.add_saved_register(name, register)
        return info


def without_first(count, text):
    """The backtrace without so many of its first frames, the others counted from 0."""
    lines = text.splitlines()
    while lines and not lines[0].startswith("#%d " % count):
        lines.pop(0)
    return "\n".join(re.sub(r"^#(\d+) +", lambda m: "#%-3d" % (int(m.group(1)) - count), line) for line in lines)


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def backtrace(table, entry):
    if entry.is_running:
        return thread_backtrace(entry.slot.tid)
    if entry.flags & FLAG_CALL:
        return " (in the kernel, no stack)"
    if entry.state == DEAD:
        return " (ended, no stack)"
    if not entry.is_parked or table.context not in CONTEXTS:
        return " (its stack cannot be read)"
    return UNWINDER.show(table, entry)


def thread_backtrace(tid):
    selected = gdb.selected_thread()
    for thread in gdb.selected_inferior().threads():
        if tid in thread.ptid[1:]:
            thread.switch()
            try:
                return gdb.execute("with width 0 -- backtrace", to_string=True).rstrip("\n")
            finally:
                selected.switch()
    return " (gdb does not know its thread %d)" % tid


class FibrilCommand(gdb.Command):
    """Show fibrils of the process or core file: fibril list, fibril bt ID, fibril bt all."""

    def __init__(self):
        super().__init__("fibril", gdb.COMMAND_STACK, prefix=True)


class FibrilList(gdb.Command):
    """List all fibrils: what each one does or waits for, a line each.

Usage: fibril list

State is R for a fibril that runs or could run, S for one that is blocked, Z for one that has ended and
waits to be joined. As `fibril dump` prints it, without times."""

    def __init__(self):
        super().__init__("fibril list", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        if argument:
            raise gdb.GdbError("usage: fibril list")
        table = Table()
        for entry in sorted(table.entries(), key=lambda entry: (entry.slot.task, entry.id)):
            print(table.line(entry))


class FibrilBacktrace(gdb.Command):
    """Print the backtrace of a fibril, or of all fibrils.

Usage: fibril bt ID
       fibril bt all

ID is the number behind `id:` in `fibril list`. The stack of a fibril that runs is that of its thread."""

    def __init__(self):
        super().__init__("fibril bt", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        argument = argument.strip()
        if argument != "all" and not argument.isdigit():
            raise gdb.GdbError("usage: fibril bt ID, or fibril bt all")
        # The innermost frame is what the fibril's are hung on, whichever is selected.
        selected = gdb.selected_frame() if gdb.selected_thread() else None
        level = selected.level() if selected else 0
        table = Table()
        try:
            if argument == "all":
                for entry in sorted(table.entries(), key=lambda entry: (entry.slot.task, entry.id)):
                    print(table.line(entry))
                    print(backtrace(table, entry))
            else:
                entry = table.find(int(argument))
                print(table.line(entry))
                print(backtrace(table, entry))
        finally:
            gdb.execute("frame level %d" % level, to_string=True)


FibrilCommand()
FibrilList()
FibrilBacktrace()
