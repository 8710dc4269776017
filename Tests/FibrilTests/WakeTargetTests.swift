import Fibril
import Glibc
import Testing

@Suite struct WakeTargetTests {
  final class Shared { var target: WakeTarget? }

  @Test func anotherFibrilWakes() throws {
    let counts = try onTask { task in
      let shared = Shared()
      let sleeper = try task.spawn {
        shared.target = WakeTarget.current
        try? Fibril.block()
      }
      Fibril.yield()
      shared.target!.wake()
      try sleeper.join()
      return task.counts
    }
    #expect(counts.blocks == 2 && counts.wakes == 2)
  }

  @Test func aWakeBeforeTheBlockIsNotLost() throws {
    let counts = try onTask { task in
      let target = WakeTarget.current
      target.wake()
      target.wake()
      try? Fibril.block()
      return task.counts
    }
    // It did not even block; and two wakes counted as one, or the end would not be reached.
    #expect(counts.blocks == 0)
  }

  @Test func aLateWakeDoesNothing() throws {
    let counts = try onTask { task in
      let shared = Shared()
      try task.spawn { shared.target = WakeTarget.current }.join()
      shared.target!.wake()
      // The entry is used again, by a fibril that must not be woken by what was meant for the first.
      let sleeper = try task.spawn { try? Fibril.sleep(for: .milliseconds(5)) }
      shared.target!.wake()
      try sleeper.join()
      shared.target!.wake()
      return task.counts
    }
    #expect(counts.blocks == counts.wakes)
  }

  @Test func aWakeDoesNotCutACallShort() throws {
    let text = try onTask { task in
      let pipe = TestPipe()
      let shared = Shared()
      final class Result { var text = "" }
      let result = Result()
      let reader = try task.spawn {
        shared.target = WakeTarget.current
        result.text = (try? pipe.readByCall()) ?? "failed"
      }
      Fibril.yield()
      shared.target!.wake()
      try? Fibril.sleep(for: .milliseconds(2))
      let before = result.text
      pipe.write("whole")
      try reader.join()
      return before + result.text
    }
    #expect(text == "whole")
  }

  @Test(arguments: Way.allCases) func aThreadWakes(_ way: Way) throws {
    let rounds = 200
    let counts = try onTask(way.options) { task in
      let target = WakeTarget.current
      let turn = TestPipe()
      let waker = try TestThread {
        var byte: UInt8 = 0
        for _ in 0..<rounds {
          _ = unsafe read(turn.reading, &byte, 1)
          target.wake()
        }
      }
      for _ in 0..<rounds {
        turn.write(".")
        try? Fibril.block()
      }
      try waker.join()
      return task.counts
    }
    #expect(counts.wakes == counts.blocks)
  }

  @Test func tasksWakeEachOther() throws {
    // Two tasks hand a ball to each other; the pipe carries the first task's target to the second.
    final class Box: @unchecked Sendable { var targets: [WakeTarget?] = [nil, nil] }
    let box = Box()
    let ready = [TestPipe(), TestPipe()]
    let threads = try (0..<2).map { me in
      try TestThread {
        let task = try FibrilTask()
        box.targets[me] = WakeTarget.current
        ready[me].write("!")
        _ = try ready[1 - me].readByCall()
        let other = box.targets[1 - me]!
        for _ in 0..<500 {
          if me == 0 {
            other.wake()
            try? Fibril.block()
          } else {
            try? Fibril.block()
            other.wake()
          }
        }
        return task.counts
      }
    }
    let counts = try threads.map { try $0.join() }
    #expect(counts.allSatisfy { $0.blocks == $0.wakes })
  }

  /// Nobody's: the fibril that ran last does not run. `waker_fibril` of `struct fibril_entry`.
  @Test func aWakeByAHandlerThatInterruptsTheTasksSleepIsNoFibrils() throws {
    final class Place: @unchecked Sendable { var thread: pid_t = 0; var pthread = pthread_t(); var waker: UInt64 = 1 }
    let place = Place()
    let ready = FibrilSemaphore(permits: 0)
    let other = try TestThread {
      let task = try FibrilTask()
      unsafe sleepersTarget = WakeTarget.current
      var winch = sigset_t()
      unsafe sigemptyset(&winch)
      unsafe sigaddset(&winch, SIGWINCH)
      unsafe pthread_sigmask(SIG_UNBLOCK, &winch, nil)
      signal(SIGWINCH) { _ in unsafe sleepersTarget?.wake() }
      (place.thread, place.pthread) = (pid_t(try Asys.call(SystemCall(.gettid))), pthread_self())
      ready.release()
      try Fibril.block()
      let entry = UInt(WakeTarget.current.words.entry)
      place.waker = unsafe UnsafePointer<UInt64>(bitPattern: entry + 224)!.pointee
      signal(SIGWINCH, SIG_DFL)
      _ = consume task
    }
    try ready.acquire()
    let isAsleep = fallsAsleep(place.thread)
    pthread_kill(place.pthread, SIGWINCH)
    try other.join()
    #expect(isAsleep)
    #expect(place.waker == 0)
  }

  @Test func aSignalHandlerWakes() throws {
    let counts = try onTask { task in
      unsafe signalTarget = WakeTarget.current
      // The test runner's threads, from which this one inherits, block most signals.
      var usr1 = sigset_t()
      unsafe sigemptyset(&usr1)
      unsafe sigaddset(&usr1, SIGUSR1)
      unsafe pthread_sigmask(SIG_UNBLOCK, &usr1, nil)
      signal(SIGUSR1) { _ in unsafe signalTarget?.wake() }
      for _ in 0..<50 {
        pthread_kill(pthread_self(), SIGUSR1)
        try? Fibril.block()
      }
      let asleep = TestPipe()
      let me = pthread_self()
      // And when the thread sleeps in the kernel.
      let sender = try TestThread {
        for _ in 0..<50 {
          var byte: UInt8 = 0
          _ = unsafe read(asleep.reading, &byte, 1)
          usleep(200)
          pthread_kill(me, SIGUSR1)
        }
      }
      for _ in 0..<50 {
        asleep.write(".")
        try? Fibril.block()
      }
      try sender.join()
      signal(SIGUSR1, SIG_DFL)
      return task.counts
    }
    #expect(counts.blocks == counts.wakes)
  }
}

/// What the handler wakes: set before the signal is sent, by the thread that gets it.
nonisolated(unsafe) private var signalTarget: WakeTarget?
nonisolated(unsafe) private var sleepersTarget: WakeTarget?
