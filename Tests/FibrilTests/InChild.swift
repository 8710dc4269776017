// Forking: only in the process of an exit test, and only while no other thread there runs. Whatever another thread
// held at a fork, as a lock of Swift's runtime, a child finds held for ever.

import Glibc
import Testing

/// Runs `body` in a forked child, whose only thread is this one's. Returns its number, 99 if it throws, or 128 + the
/// signal that ended it: a status for exit, 0 only if `body` returned that.
func inChild(_ body: () throws -> Int32) -> Int32 {
  precondition(ExitTest.current != nil, "in a process with other tests the child may wait for their locks for ever")
  // What hangs fails the test: SIGALRM ends first the child, then its parent. Swift's threads block it.
  var signals = sigset_t()
  unsafe sigemptyset(&signals)
  unsafe sigaddset(&signals, SIGALRM)
  unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
  alarm(150)
  waitUntilOthersSleep()
  let child = fork()
  if child == 0 {
    alarm(120)
    // _exit, not exit: the parent's test runner would be finished twice.
    _exit((try? body()) ?? 99)
  }
  var status: CInt = 0
  while unsafe waitpid(child, &status, 0) < 0 { precondition(errno == EINTR, "no child") }
  return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
}

/// `fork(2)`, which Swift does not offer.
private func fork() -> pid_t {
  typealias Fork = @convention(c) () -> pid_t
  return unsafe unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)()
}

/// Returns after a moment in which all other threads of this process slept. Then they wake for timers alone.
private func waitUntilOthersSleep() {
  while true {
    if let before = sleepsOfOthers(), before == sleepsOfOthers() { return }
    usleep(1000)
  }
}

/// How often each thread of this process has gone to sleep; nil if others than this one do not sleep. Who sleeps
/// twice with the same number has not run between.
private func sleepsOfOthers() -> [[Substring]]? {
  var files = unsafe glob_t()
  precondition(unsafe glob("/proc/self/task/*/status", 0, nil, &files) == 0)
  defer { unsafe globfree(&files) }
  var sleeps: [[Substring]] = []
  for index in 0..<Int(unsafe files.gl_pathc) {
    guard let file = unsafe fopen(files.gl_pathv[index]!, "r") else { return nil }
    defer { unsafe fclose(file) }
    var text = [UInt8](repeating: 0, count: 8192)
    let count = unsafe fread(&text, 1, text.count, file)
    let lines = String(decoding: text.prefix(count), as: UTF8.self).split(separator: "\n")
    guard lines.contains("State:\tS (sleeping)") else { continue }
    let numbers = lines.filter { $0.hasPrefix("Pid:") || $0.hasPrefix("voluntary_ctxt_switches:") }
    precondition(numbers.count == 2, "\(lines)")
    sleeps.append(numbers)
  }
  return sleeps.count == Int(unsafe files.gl_pathc) - 1 ? sleeps : nil
}
