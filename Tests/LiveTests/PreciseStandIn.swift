// A C program with single probes of its own, for what the library's runtime never does.
import Foundation

/// The program, compiled into its own folder.
struct PreciseStandIn {
  let folder: TemporaryFolder
  let path: String

  /// What it does when its standard input ends, before it ends itself.
  enum Mode: String {
    /// Tears down fibrils 0 to 99 of task 7.
    case plain
    /// The same, after its main thread has exited.
    case orphaned
    /// The same, then becomes itself again and does it once more.
    case executing
    /// Submits a fibril whose name lies where there is nothing, one whose name is longer than any, one without.
    case names
    /// Tears down a fibril of each of 70,000 tasks.
    case tasks
  }

  init(flags: [String] = []) throws {
    folder = try TemporaryFolder()
    path = folder.file("stand-in")
    try Data(Self.source.utf8).write(to: URL(filePath: folder.file("stand-in.c")))
    let run = try ToolRun(
      "/usr/bin/env", ["clang", "-O1"] + flags + ["-o", path, folder.file("stand-in.c"), "-lpthread"])
    guard run.status == 0 else { throw DumpStandIn.Failure(text: run.errors) }
  }

  /// The teardown's arguments stand in these registers.
  static let otherRegisters = ["-DPLACES=\"a\"(task), \"b\"(fibril), \"c\"(result)", "-DOTHER"]
  /// The teardown's note names but two of its arguments.
  static let fewArguments = ["-DFEW"]
  /// The teardown's instruction is one that the kernel may patch into a call.
  static let longInstruction = ["-DINSTRUCTION=\".byte 0x0f, 0x1f, 0x44, 0, 0\""]

  static let source = #"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <stdint.h>
    #include <string.h>
    #include <unistd.h>

    #ifndef INSTRUCTION
    #define INSTRUCTION "nop"
    #endif
    #ifndef PLACES
    #define PLACES "D"(task), "S"(fibril), "d"(result)
    #endif
    #if defined(OTHER)
    #define ARGUMENTS "8@%%rax 8@%%rbx -8@%%rcx"
    #elif defined(FEW)
    #define ARGUMENTS "8@%%rdi 8@%%rsi"
    #else
    #define ARGUMENTS "8@%%rdi 8@%%rsi -8@%%rdx"
    #endif
    #define SITE(name, instruction, arguments)                                                              \
        "1: " instruction "\n"                                                                              \
        ".pushsection .note.stapsdt, \"\", @note\n.balign 4\n.4byte 3f - 2f, 5f - 4f, 3\n"                  \
        "2: .asciz \"stapsdt\"\n3: .balign 4\n"                                                             \
        "4: .8byte 1b, 0, semaphore\n.asciz \"fibril\"\n.asciz \"" name "\"\n.asciz \"" arguments "\"\n"    \
        "5: .balign 4\n.popsection\n"

    volatile uint16_t semaphore __attribute__((section(".probes")));

    __attribute__((noinline)) static void teardown(uint64_t task, uint64_t fibril, int64_t result)
    {
        __asm__ volatile(SITE("teardown", INSTRUCTION, ARGUMENTS) ::PLACES : "memory");
    }

    __attribute__((noinline)) static void submit(uint64_t fibril, const char *name)
    {
        register uint64_t entry __asm__("r8") = 0x1234;
        register const char *text __asm__("r9") = name;

        __asm__ volatile(SITE("submit", "nop", "8@%%rdi 8@%%rsi 8@%%rdx -8@%%rcx 8@%%r8 8@%%r9")
                         ::"D"(7ul), "S"(fibril), "d"(1ul), "c"(-1l), "r"(entry), "r"(text) : "memory");
    }

    /* So that it can be traced in batch mode as well. */
    __attribute__((noinline)) void batch(void)
    {
        __asm__ volatile(SITE("batch", "nop", "8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx") ::: "memory");
    }

    static const char *mode;

    static void *run(void *ignored)
    {
        char byte;

        if (read(0, &byte, 1) != 0)
            _exit(1);
        if (!strcmp(mode, "names")) {
            submit(1, (const char *)8);
            submit(2, "long 789 123456789 123456789 123456789 123456789 123456789 123\xc3\xa4 end");
            submit(3, NULL);
        } else if (!strcmp(mode, "tasks")) {
            for (int i = 0; i < 70000; i++)
                teardown(i, 1, 0);
        } else {
            for (int i = 0; i < 100; i++)
                teardown(7, i, -i);
        }
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
