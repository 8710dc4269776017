import Fibril
import Glibc
import Testing

/// Each in an exit test, since no other test may run where a child is forked. The status says what failed: the
/// child's own is below 40, 99, or above 128.
@Suite(.serialized) struct ForkTests {
  /// How many buffers of this process's file belong to a task.
  private static func liveBuffers() -> Int {
    for descriptor in CInt(3)..<1024 {
      var link = [CChar](repeating: 0, count: 64)
      let path = "/proc/self/fd/\(descriptor)"
      guard unsafe readlink(path, &link, 63) > 0, unsafe strncmp(link, "/memfd:fibril-events", 20) == 0 else {
        continue
      }
      // struct fibril_buffer_file: where the first buffer lies, and how far apart they are.
      var layout: [UInt32] = [0, 0]
      guard unsafe pread(descriptor, &layout, 8, 24) == 8 else { return -1 }
      var task: UInt64 = 0
      var live = 0
      var offset = off_t(layout[0])
      while unsafe pread(descriptor, &task, 8, offset + 16) == 8 {
        live += task == 0 ? 0 : 1
        offset += off_t(layout[1])
      }
      return live
    }
    return -1
  }

  @Test func aChildHasTheTaskThatForkedAlone() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let ready = TestPipe()
      let done = (0..<3).map { _ in TestPipe() }
      let others = try done.map { done in
        try TestThread {
          let task = try FibrilTask()
          ready.write(".")
          try task.spawn { _ = try? done.readByCall() }
          task.joinAll()
        }
      }
      for _ in others {
        var byte: UInt8 = 0
        _ = unsafe read(ready.reading, &byte, 1)
      }
      let (here, status) = try onTask { task in
        let here = Self.liveBuffers()
        let status = inChild {
          // Takes the locks that other threads may have held.
          try task.spawn(name: "child \(getpid())") {}.join()
          return Self.liveBuffers() == 1 ? 0 : 1
        }
        return (here, status)
      }
      for pipe in done { pipe.write(".") }
      for other in others { try other.join() }
      guard status == 0 else { exit(status) }
      exit(here > 1 ? 0 : 40)
    }
  }

  /// What others wanted of the task they wanted of the parent's; what they want of the child's is done.
  @Test func ordersBelongToWhoeverTookThem() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let (status, ran) = try onTask { task in
        final class Log: @unchecked Sendable { var ran: [String] = [] }
        let log = Log()
        let remote = task.remote
        try remote.spawn { log.ran.append("parent") }
        let status = inChild {
          try? remote.spawn { log.ran.append("child") }
          WakeTarget.current.wake()
          Fibril.yield()
          Fibril.yield()
          try? Fibril.sleep(for: .microseconds(1))
          return log.ran == ["child"] ? 0 : 1
        }
        try Fibril.sleep(for: .microseconds(1))
        task.joinAll()
        return (status, log.ran)
      }
      guard status == 0 else { exit(status) }
      exit(ran == ["parent"] ? 0 : 40)
    }
  }

  /// In the child the tasks of other threads have ended: nothing can be spawned on them, and who waited for
  /// one of their fibrils waits no more. What the threads were doing to this task when it forked is as if
  /// they had not begun, or had ended.
  @Test func aChildWaitsForNobodyThatIsNotThere() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let ready = FibrilSemaphore(permits: 0)
      final class Other: @unchecked Sendable {
        var remote: RemoteTask?
        var fibril: Fibril?
        func take() -> Fibril {
          var taken: Fibril?
          swap(&taken, &fibril)
          return taken!
        }
      }
      let shared = Other()
      let end = FibrilSemaphore(permits: 0)
      let other = try TestThread {
        let task = try FibrilTask()
        shared.remote = task.remote
        shared.fibril = try task.spawn { try! end.acquire() }
        ready.release()
        task.joinAll()
      }
      try ready.acquire()
      let (status, joined) = try onTask { task in
        final class Log { var joined = 0; var woken = 0 }
        let log = Log()
        try task.spawn {
          try! shared.take().join()
          log.joined += 1
        }
        let targets = try (0..<2).map { _ in
          try task.spawn {
            try! Fibril.block()
            log.woken += 1
          }.wakeTarget
        }
        try Fibril.sleep(for: .microseconds(1))
        setPushing(targets[0], true)
        setPushing(targets[1], true)
        targets[1].wake()
        let status = inChild {
          guard (try? shared.remote!.spawn {}) == nil else { return 1 }
          targets[0].wake()
          try? Fibril.sleep(for: .microseconds(1))
          return CInt(log.joined + 2 * log.woken) == 5 ? 0 : 2
        }
        for target in targets {
          setPushing(target, false)
          target.wake()
        }
        end.release()
        task.joinAll()
        return (status, log.joined)
      }
      try other.join()
      guard status == 0 else { exit(status) }
      exit(joined == 1 ? 0 : 40)
    }
  }

  /// The child's fibrils go on: sleepers sleep on, pending calls are cancelled, new ones work.
  @Test(arguments: Way.allCases) func aChildGoesOnByItself(_ way: Way) async {
    await #expect(processExitsWith: .exitCode(0)) { [way] in
      let (status, text, counts) = try onTask(way.options) { task in
        let parentsPipe = TestPipe()
        let childsPipe = TestPipe()
        final class Seen { var text = ""; var woke = 0 }
        let seen = Seen()
        try task.spawn { seen.text = (try? parentsPipe.readByCall()) ?? "cancelled" }
        try task.spawn {
          try? Fibril.sleep(for: .milliseconds(20))
          seen.woke += 1
        }
        Fibril.yield()
        let status = inChild {
          try? Fibril.sleep(for: .milliseconds(1))
          childsPipe.write("new")
          let new = try? childsPipe.readByCall()
          task.joinAll()
          return seen.text == "cancelled" && seen.woke == 1 && new == "new" ? 0 : 1
        }
        parentsPipe.write("kept")
        task.joinAll()
        return (status, seen.text + "\(seen.woke)", task.counts)
      }
      guard status == 0 else { exit(status) }
      guard text == "kept1" else { exit(40) }
      exit(counts.blocks == counts.wakes ? 0 : 41)
    }
  }
}
