// A C program with a probe of its own, for what the library's runtime never does: other registers,
// an unsafe instruction, pages that are not there, batches that make no sense.
import Foundation

/// The program, compiled into its own folder.
struct ProbeStandIn {
  let folder: TemporaryFolder
  let path: String

  /// What it does when its standard input ends, before it ends itself; somebody has to listen.
  enum Mode: String {
    /// Hands over 100 records.
    case plain
    /// The same, from memory whose pages it has given back.
    case evicted
    /// The same, after its main thread has exited.
    case orphaned
    /// Hands over 100 records, becomes itself again, and hands over the same records.
    case executing
    /// 100 records at an address where there is nothing, a batch that is too large, then 100 records.
    case hostile
  }

  init(flags: [String] = []) throws {
    folder = try TemporaryFolder()
    path = folder.file("stand-in")
    try Data(Self.source.utf8).write(to: URL(filePath: folder.file("stand-in.c")))
    let contracts = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../bpf/include").path
    let arguments = ["clang", "-O1", "-I", contracts] + flags + ["-o", path, folder.file("stand-in.c"), "-lpthread"]
    let run = try ToolRun("/usr/bin/env", arguments)
    guard run.status == 0 else { throw DumpStandIn.Failure(text: run.errors) }
  }

  /// Before the site's note says where they are, the arguments stand in these registers.
  static let otherRegisters = ["-DPLACES=\"a\"(task), \"b\"(records), \"c\"(bytes), \"d\"(first)", "-DOTHER"]
  static let longInstruction = ["-DINSTRUCTION=\".byte 0x0f, 0x1f, 0x44, 0, 0\""]

  static let source = #"""
    #define _GNU_SOURCE
    #include <fibril_event.h>
    #include <pthread.h>
    #include <stdint.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <unistd.h>

    #ifndef INSTRUCTION
    #define INSTRUCTION "nop"
    #endif
    #ifndef PLACES
    #define PLACES "D"(task), "S"(records), "d"(bytes), "c"(first)
    #endif
    #ifdef OTHER
    #define ARGUMENTS "8@%%rax 8@%%rbx 8@%%rcx 8@%%rdx"
    #else
    #define ARGUMENTS "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx"
    #endif

    volatile uint16_t semaphore __attribute__((section(".probes")));

    __attribute__((noinline)) static void fire(uint64_t task, const void *records, uint64_t bytes, uint64_t first)
    {
        __asm__ volatile("1: " INSTRUCTION "\n"
                         ".pushsection .note.stapsdt, \"\", @note\n.balign 4\n.4byte 3f - 2f, 5f - 4f, 3\n"
                         "2: .asciz \"stapsdt\"\n3: .balign 4\n"
                         "4: .8byte 1b, 0, semaphore\n.asciz \"fibril\"\n.asciz \"batch\"\n.asciz \"" ARGUMENTS "\"\n"
                         "5: .balign 4\n.popsection\n" ::PLACES : "memory");
    }

    enum { COUNT = 100, BYTES = COUNT * sizeof(struct fibril_record) };

    static struct fibril_record *records;
    static const char *mode;

    static void *run(void *ignored)
    {
        int file = memfd_create("records", 0);
        uint64_t first = 0;

        ftruncate(file, BYTES);
        records = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        char byte;
        if (read(0, &byte, 1) != 0 || !semaphore)
            _exit(1);
        if (!strcmp(mode, "hostile")) {
            fire(7, (void *)8, BYTES, 0);
            fire(7, records, 1 << 20, COUNT);
            fire(7, records, 33, COUNT + (1 << 15));
            first = COUNT + (1 << 15) + 1;
        }
        for (int i = 0; i < COUNT; i++)
            records[i] = (struct fibril_record){.time = 1000 + i, .fibril = i, .kind = FIBRIL_RECORD_TEARDOWN,
                                                .number16 = (uint16_t)(first + i)};
        if (!strcmp(mode, "evicted"))
            madvise(records, BYTES, MADV_DONTNEED);
        fire(7, records, BYTES, first);
        if (!strcmp(mode, "executing"))
            execl("/proc/self/exe", "again", "plain", (char *)NULL);
        _exit(0);
    }

    int main(int count, char **arguments)
    {
        pthread_t thread;

        mode = count > 1 ? arguments[1] : "plain";
        if (strcmp(mode, "orphaned"))
            run(NULL);
        pthread_create(&thread, NULL, run, NULL);
        pthread_exit(NULL);
    }
    """# + "\n"
}
