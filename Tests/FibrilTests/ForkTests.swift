import Fibril
import Glibc
import Testing

@Suite struct ForkTests {
  /// `fork(2)`, which Swift does not offer.
  static func fork() -> pid_t {
    typealias Fork = @convention(c) () -> pid_t
    return unsafe unsafeBitCast(dlsym(nil, "fork"), to: Fork.self)()
  }

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

  @Test func aChildHasTheTaskThatForkedAlone() throws {
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
      let child = Self.fork()
      if child == 0 {
        // Takes the locks that other threads may have held.
        let fibril = try? task.spawn(name: "child \(getpid())") {}
        try? fibril?.join()
        _exit(CInt(truncatingIfNeeded: Self.liveBuffers()))
      }
      var status: CInt = 0
      unsafe waitpid(child, &status, 0)
      return (here, status)
    }
    for pipe in done { pipe.write(".") }
    for other in others { try other.join() }
    #expect(here > 1)
    #expect(status == 1 << 8)
  }

  /// The child's fibrils go on: sleepers sleep on, pending calls are cancelled, new ones work.
  @Test(arguments: Way.allCases) func aChildGoesOnByItself(_ way: Way) throws {
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
      let child = Self.fork()
      if child == 0 {
        try? Fibril.sleep(for: .milliseconds(1))
        childsPipe.write("new")
        let new = try? childsPipe.readByCall()
        task.joinAll()
        // _exit, not exit: the parent's test runner would be finished twice.
        _exit(seen.text == "cancelled" && seen.woke == 1 && new == "new" ? 0 : 1)
      }
      var status: CInt = 0
      unsafe waitpid(child, &status, 0)
      parentsPipe.write("kept")
      task.joinAll()
      return (status, seen.text + "\(seen.woke)", task.counts)
    }
    #expect(status == 0)
    #expect(text == "kept1")
    #expect(counts.blocks == counts.wakes)
  }
}
