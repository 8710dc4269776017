// A C program with the shared runtime that ends in every way there is, and says beforehand how often each event has
// happened in each of its tasks.
import Foundation
import Testing
import TraceEvents

/// The program and a runtime of its own, in a folder of their own.
final class EndStandIn {
  let folder: TemporaryFolder
  let path: String

  /// What it does once each of its threads, the first among them, has been a task and printed its counts, and its
  /// input has ended.
  enum Mode: String {
    case kill, segv, exit
    /// Gives back the pages of its event buffers, then is killed.
    case evict
    /// Each thread ends by itself, the first one first.
    case threads
    /// The first thread ends; then the others do as much again, and end one after the other.
    case leaveThreads
    /// Executes itself, which begins anew and exits.
    case exec, execByThread
    /// Executes a program without probes.
    case execOther
    /// The first thread forks. The child goes on with it, then exits; so does the parent.
    case fork
    /// A child that executes itself.
    case spawn
  }

  init() throws {
    folder = try TemporaryFolder()
    path = folder.file("ends")
    let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources")
    // A copy: semaphores that a test raises in a file are raised in all processes that have it.
    let library = builtPrograms.appending(path: "libfibrilrt.so").path
    try #require(ToolRun("/bin/cp", [library, folder.file("libfibrilrt.so")]).status == 0)
    try Data(Self.source.utf8).write(to: URL(filePath: folder.file("ends.c")))
    let run = try ToolRun(
      "/usr/bin/env",
      [
        "clang", "-O1", "-I", sources.appending(path: "FibrilC/include").path, "-o", path, folder.file("ends.c"),
        "-L", folder.url.path, "-Wl,-rpath,\(folder.url.path)", "-lfibrilrt", "-lpthread",
      ])
    guard run.status == 0 else { throw DumpStandIn.Failure(text: run.errors) }
  }

  static let source = #"""
    #define _GNU_SOURCE
    #include <fibril.h>
    #include <pthread.h>
    #include <signal.h>
    #include <spawn.h>
    #include <stdint.h>
    #include <stdio.h>
    #include <stdlib.h>
    #include <string.h>
    #include <sys/mman.h>
    #include <sys/wait.h>
    #include <unistd.h>

    extern char **environ;

    static const char *mode;
    static int tasks, fibrils, yields;
    static pthread_barrier_t barrier;

    static void body(void *ignored)
    {
        for (int i = 0; i < yields; i++)
            fibril_yield();
    }

    static void say(const char *who, const struct fibril_event_counts *old)
    {
        struct fibril_event_counts now;

        fibril_task_counts(&now);
        dprintf(1, "%s %d %d %lu %lu %lu %lu %lu\n", who, getpid(), gettid(), now.submits - old->submits,
                now.switches - old->switches, now.blocks - old->blocks, now.wakes - old->wakes,
                now.teardowns - old->teardowns);
    }

    static void work(const char *who)
    {
        struct fibril_event_counts old;
        fibril_t fibril;

        fibril_task_counts(&old);
        for (int i = 0; i < fibrils; i++) {
            fibril_spawn(who, 0, body, NULL, &fibril);
            fibril_detach(fibril);
        }
        fibril_join_all();
        say(who, &old);
    }

    static void evict(void)
    {
        FILE *maps = fopen("/proc/self/maps", "r");
        char line[512];
        unsigned long from, to;

        while (fgets(line, sizeof line, maps))
            if (strstr(line, "fibril-events") && sscanf(line, "%lx-%lx", &from, &to) == 2)
                madvise((void *)from, to - from, MADV_DONTNEED);
    }

    static void wait_for_end_of_input(void)
    {
        char byte;

        while (read(0, &byte, 1) > 0)
            ;
    }

    static void *run(void *place)
    {
        intptr_t index = (intptr_t)place;
        char *again[] = {"ends", "exit", "2", "5", "3", NULL}, *other[] = {"true", NULL};
        char path[4096];

        path[readlink("/proc/self/exe", path, sizeof path - 1)] = 0;
        fibril_task_create(NULL);
        work("task");
        pthread_barrier_wait(&barrier);
        if (!index)
            wait_for_end_of_input();
        pthread_barrier_wait(&barrier);
        if (!strcmp(mode, "threads")) {
            /* One after the other, the first thread first. */
            usleep(20000 * index);
            syscall(SYS_exit, 0);
        }
        if (!strcmp(mode, "leaveThreads")) {
            if (!index)
                syscall(SYS_exit, 0);
            usleep(200000 + 20000 * index);
            work("later");
            syscall(SYS_exit, 0);
        }
        if (index == tasks - 1 && !strcmp(mode, "segv")) {
            /* Swift's own handler would print a backtrace. */
            signal(SIGSEGV, SIG_DFL);
            *(volatile int *)8 = 0;
        }
        if (index == tasks - 1 && !strcmp(mode, "execByThread"))
            execv(path, again);
        if (index)
            for (;;)
                pause();
        if (!strcmp(mode, "evict"))
            evict();
        if (!strcmp(mode, "kill") || !strcmp(mode, "evict"))
            kill(getpid(), SIGKILL);
        if (!strcmp(mode, "exec"))
            execv(path, again);
        if (!strcmp(mode, "execOther"))
            execv("/bin/true", other);
        if (!strcmp(mode, "fork")) {
            pid_t child = fork();
            if (!child) {
                work("child");
                _exit(5);
            }
            waitpid(child, NULL, 0);
            work("parent");
        }
        if (!strcmp(mode, "spawn")) {
            pid_t child;
            posix_spawn(&child, path, NULL, NULL, again, environ);
            waitpid(child, NULL, 0);
            work("parent");
        }
        if (!strcmp(mode, "exit") || !strcmp(mode, "fork") || !strcmp(mode, "spawn"))
            _exit(3);
        for (;;)
            pause();
    }

    int main(int count, char **arguments)
    {
        pthread_t thread;

        mode = arguments[1];
        tasks = atoi(arguments[2]);
        fibrils = atoi(arguments[3]);
        yields = atoi(arguments[4]);
        pthread_barrier_init(&barrier, NULL, tasks);
        for (int i = 0; count > 5 && i < 60000 && !fibril_is_traced(); i++)
            usleep(1000);
        for (intptr_t i = 1; i < tasks; i++)
            pthread_create(&thread, NULL, run, (void *)i);
        run(NULL);
    }
    """# + "\n"
}

/// What a task says it has done: a line of the program's output.
struct SaidCounts: Equatable {
  var who: Substring
  var process: Int32
  var thread: UInt32
  /// Submits, switches between fibrils, blocks, wakes, teardowns.
  var counts: [Int]

  init?(_ line: Substring) {
    let fields = line.split(separator: " ")
    guard fields.count == 8, let process = Int32(fields[1]), let thread = UInt32(fields[2]) else { return nil }
    who = fields[0]
    self.process = process
    self.thread = thread
    counts = fields[3...].compactMap { Int($0) }
  }

  static func all(in output: String) -> [SaidCounts] { output.split(separator: "\n").compactMap { SaidCounts($0) } }
}

extension RecordedTrace.Image {
  /// The same of a task, counted from its events.
  func counts(ofTask task: UInt64) -> [Int] {
    var counts = [0, 0, 0, 0, 0]
    for event in events where event.task == task {
      switch event.body {
      case .submitClosure, .submitCall: counts[0] += 1
      case .switch(let from, let to, _): counts[1] += from != 0 && to != 0 ? 1 : 0
      case .block: counts[2] += 1
      case .wake: counts[3] += 1
      case .teardown: counts[4] += 1
      default: break
      }
    }
    return counts
  }

  /// The counts of the tasks that have started, by their threads.
  var countsByThread: [UInt32: [Int]] {
    var byThread: [UInt32: [Int]] = [:]
    for event in events {
      if case .taskStart(_, let thread) = event.body { byThread[thread] = counts(ofTask: event.task) }
    }
    return byThread
  }
}
