// Signals that arrive while a process is stopped again and again: each is handled once.
import Foundation
import Testing

@testable import Inspection

@Suite struct StopSignalTests {
  @Test func noSignalIsLost() throws {
    let folder = try TemporaryFolder()
    try Data(Self.source.utf8).write(to: URL(filePath: folder.file("signals.c")))
    let compiler = try ToolRun(
      "/usr/bin/env", ["clang", "-O1", "-o", folder.file("signals"), folder.file("signals.c"), "-lpthread"])
    try #require(compiler.status == 0, "\(compiler.errors)")
    let subject = try Subject(folder.file("signals"))
    var rounds = 0
    while subject.process.isRunning {
      guard let stop = try? ProcessStop(processID: subject.id) else { continue }
      usleep(300)
      if stop.thaw() > 0 { rounds += 1 }
    }
    #expect(subject.outputAtEnd() == "2000 signals, 2000 handled\n")
    #expect(rounds > 10)
  }

  /// A child sends signals that queue; the parent's two threads, which are always on the CPU, take them.
  static let source = #"""
    #define _GNU_SOURCE
    #include <pthread.h>
    #include <signal.h>
    #include <stdio.h>
    #include <unistd.h>
    #include <sys/wait.h>

    static int handled;

    static void handle(int signal)
    {
        (void)signal;
        __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
    }

    static void *spin(void *ignored)
    {
        for (;;)
            __asm__ volatile("" : : "r"(ignored));
    }

    int main(void)
    {
        struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
        pthread_t thread;
        sigset_t none;
        int status;

        /* A test's threads have blocked signals, and so has this program when it starts. */
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        sigaction(SIGRTMIN, &action, NULL);
        pthread_create(&thread, NULL, spin, NULL);
        pthread_create(&thread, NULL, spin, NULL);
        pid_t parent = getpid(), child = fork();
        if (child == 0) {
            for (int sent = 0; sent < 2000; usleep(100))
                sent += sigqueue(parent, SIGRTMIN, (union sigval){0}) == 0;
            _exit(0);
        }
        while (waitpid(child, &status, 0) < 0)
            ;
        for (int wait = 0; wait < 1000 && __atomic_load_n(&handled, __ATOMIC_RELAXED) < 2000; wait++)
            usleep(10000);
        printf("2000 signals, %d handled\n", handled);
        return 0;
    }
    """# + "\n"
}
