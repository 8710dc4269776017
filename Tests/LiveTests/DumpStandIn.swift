// A C program that fills the fibril table by hand and then does what the runtime would not: it runs
// one fibril for ever, on the CPU or in a system call that the runtime knows nothing of.
import Foundation

/// The program, compiled into its own folder.
struct DumpStandIn {
  let folder: TemporaryFolder
  let path: String

  init(flags: [String] = []) throws {
    folder = try TemporaryFolder()
    path = folder.file("stand-in")
    try Data(Self.source.utf8).write(to: URL(filePath: folder.file("stand-in.c")))
    let contracts = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../bpf/include").path
    let arguments = ["clang", "-O1", "-I", contracts] + flags + ["-o", path, folder.file("stand-in.c"), "-lpthread"]
    let run = try ToolRun("/usr/bin/env", arguments)
    guard run.status == 0 else { throw Failure(text: run.errors) }
  }

  struct Failure: Error { var text: String }

  static let source = #"""
    #define _GNU_SOURCE
    #include <fibril_table.h>
    #include <fcntl.h>
    #include <pthread.h>
    #include <stdint.h>
    #include <string.h>
    #include <time.h>
    #include <unistd.h>
    #include <sys/syscall.h>

    struct fibril_root root;
    static struct fibril_task_slot slot;
    static struct fibril_entry entry[4];
    static uint64_t chunk;
    static struct fibril_name names[2];
    static const char *fifo;
    static uint64_t stack[64];
    volatile uint64_t counter;

    __asm__(".pushsection .note.fibril, \"a\", @note\n.balign 4\n.4byte 7, 8, 1\n.asciz \"Fibril\"\n.balign 4\n"
            "1: .8byte root - 1b\n.popsection\n");

    /* What a fibril that never ran begins with. */
    __attribute__((noinline)) void fresh(void)
    {
        counter--;
    }

    __attribute__((noinline)) void inner(int spin, char *buffer)
    {
        if (spin)
            for (;;)
                counter++;
        if (fifo)
            counter += (uint64_t)open(fifo, O_RDONLY);
        counter += (uint64_t)read(0, buffer, 100);
    }

    __attribute__((noinline)) void middle(int spin)
    {
        char buffer[128];
        inner(spin, buffer);
        counter += (uint64_t)buffer[0];
    }

    /* A large frame of which almost nothing is used. */
    __attribute__((noinline)) void hollow(int spin)
    {
        char space[40000];

        __asm__ volatile("" : : "r"(space) : "memory");
        inner(spin, space);
        __asm__ volatile("" : : "r"(space) : "memory");
    }

    __attribute__((noinline)) void outer(int spin)
    {
        if (spin > 1)
            hollow(spin);
        middle(spin);
        counter++;
    }

    /* Nonsense all over the table, now and then undone. */
    static void scribble(void)
    {
        static unsigned char sound_entries[sizeof entry], sound_slot[sizeof slot], sound_root[sizeof root];
        uint64_t state = 1, round = 0;

        memcpy(sound_entries, entry, sizeof entry);
        memcpy(sound_slot, &slot, sizeof slot);
        memcpy(sound_root, &root, sizeof root);
        for (;;) {
            unsigned char *place[] = {(void *)entry, (void *)&slot, (void *)&root};
            size_t bytes[] = {sizeof entry, sizeof slot, sizeof root};
            uint64_t values[] = {0, 1, ~0ull, 1ull << 63, (uintptr_t)entry, (uintptr_t)stack, 1 << 20, 0};

            state = state * 6364136223846793005ull + 1442695040888963407ull;
            values[7] = state;
            uint64_t which = (state >> 33) % 16 < 9 ? 0 : (state >> 33) % 16 < 15 ? 1 : 2;
            uint64_t offset = (state >> 40) % bytes[which] & ~7ull;
            memcpy(place[which] + offset, &values[(state >> 60) % 8], 8);
            if (++round % 64 == 0) {
                memcpy(entry, sound_entries, sizeof entry);
                memcpy(&slot, sound_slot, sizeof slot);
                memcpy(&root, sound_root, sizeof root);
                if (round % 4096 == 0)
                    nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
            }
        }
    }

    int main(int count, char **arguments);

    static void *in_thread(void *ignored)
    {
        main(2, (char *[]){"stand-in", "spin", NULL});
        return ignored;
    }

    int main(int count, char **arguments)
    {
        pthread_t thread;
        pthread_attr_t attributes;
        void *low;
        size_t bytes;
        struct timespec now;

        if (count > 1 && !strcmp(arguments[1], "orphaned")) {
            pthread_create(&thread, NULL, in_thread, NULL);
            pthread_exit(NULL);
        }
        pthread_getattr_np(pthread_self(), &attributes);
        pthread_attr_getstack(&attributes, &low, &bytes);
        clock_gettime(CLOCK_MONOTONIC, &now);
        strcpy(names[1].text, "evil \x1b[2J name");
        entry[0].id = 7;
        entry[0].sequence = 1;
        entry[0].state = FIBRIL_STATE_RUNNING;
        entry[0].name = 1;
        entry[0].call = -1;
        entry[0].stack_low = (uintptr_t)low;
        entry[0].stack_high = (uintptr_t)low + bytes;
        entry[0].since = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
        entry[1].id = 8;
        entry[1].sequence = 2;
        entry[1].state = FIBRIL_STATE_BLOCKED;
        entry[1].reason = FIBRIL_REASON_CALL;
        entry[1].flags = FIBRIL_ENTRY_CALL | FIBRIL_ENTRY_HELPER;
        entry[1].call = SYS_openat;
        entry[1].object = SYS_openat;
        entry[1].parent = 7;
        entry[1].since = entry[0].since;
        entry[1].arguments[0] = (uint64_t)-100;
        entry[1].arguments[1] = (uintptr_t)"/some/\x1bwhere";
        entry[1].arguments[2] = O_RDONLY | O_DIRECTORY;
        entry[2].id = 9;
        entry[2].sequence = 4;
        entry[2].state = FIBRIL_STATE_DEAD;
        entry[2].call = -1;
        entry[2].parent = 7;
        entry[2].since = entry[0].since;
        stack[40] = (uintptr_t)fresh;
        entry[3].id = 10;
        entry[3].sequence = 2;
        entry[3].state = FIBRIL_STATE_RUNNABLE;
        entry[3].call = -1;
        entry[3].parent = 7;
        entry[3].since = entry[0].since;
        entry[3].entry = (uintptr_t)fresh;
        entry[3].stack_pointer = (uintptr_t)(stack + 40);
        entry[3].stack_low = (uintptr_t)stack;
        entry[3].stack_high = (uintptr_t)(stack + 64);
        chunk = (uintptr_t)entry;
        slot.task = 1;
        slot.tid = (uint32_t)syscall(SYS_gettid);
        slot.running = 7;
        slot.chunks = (uintptr_t)&chunk;
        slot.chunk_count = 1;
        slot.chunk_entries = 4;
        root.version = FIBRIL_TABLE_VERSION;
        root.bytes = sizeof root;
        root.context = FIBRIL_CONTEXT_X86_64;
        root.clock = FIBRIL_CLOCK_MONOTONIC;
        root.tasks = (uintptr_t)&slot;
        root.task_bytes = sizeof slot;
        root.task_slots = 1;
        root.names = (uintptr_t)names;
        root.name_bytes = sizeof names[0];
        root.name_count = 2;
        root.fibril_bytes = sizeof entry[0];
        strcpy(root.runtime, "Stand-in 1");
        root.magic = FIBRIL_ROOT_MAGIC;
        if (count > 1 && !strcmp(arguments[1], "scribble"))
            scribble();
        if (count > 2)
            fifo = arguments[2];
        outer(count < 2 ? 0 : !strcmp(arguments[1], "spin") ? 1 : !strcmp(arguments[1], "hollow") ? 2 : 0);
    }
    """# + "\n"
}
