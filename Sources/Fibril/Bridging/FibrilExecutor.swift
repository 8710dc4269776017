internal import CFibril
internal import CFibrilContract

/// Runs Swift's jobs on the thread of a fibril task, one after the other, on one fibril:
///
/// ```swift
/// await withTaskExecutorPreference(group.tasks[0].executor) { await work() }
/// ```
///
/// A job may not park its fibril, for Swift's current task belongs to the thread and would be seen by
/// the fibril that runs next: waiting in a job stops the program with a message. Use
/// `RemoteTask.run` for what blocks.
public final class FibrilExecutor: TaskExecutor, @unchecked Sendable {
  // Sendable: `task` never changes; the rest is touched on the task's thread only.
  private let task: RemoteTask
  private var jobs: [UnownedJob] = []
  private var isServed = false

  /// Jobs are Swift code that knows nothing of small stacks.
  private static let stackBytes = 512 * 1024 - 4096

  fileprivate init(_ task: RemoteTask) { self.task = task }

  public func enqueue(_ job: consuming ExecutorJob) { task.run(UnownedJob(job), for: self) }

  /// On the task's thread.
  func append(_ job: UnownedJob, on task: TaskRef, parent: UInt64) {
    jobs.append(job)
    guard !isServed else { return }
    do {
      _ = try task.spawn(name: "executor", stackBytes: Self.stackBytes, flags: 0, parent: parent) { self.serve(task) }
      isServed = true
    } catch {
      fatalError("a Swift job could never go on: \(error)")
    }
  }

  /// Ends when there is nothing to run, so that the task can.
  private func serve(_ task: TaskRef) {
    while !jobs.isEmpty {
      let batch = jobs
      jobs = []
      for job in batch {
        task.pointee.runsJob = true
        unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        task.pointee.runsJob = false
        task.yield()
      }
    }
    isServed = false
  }
}

extension RemoteTask {
  /// Runs Swift's jobs on the task's thread. Each call makes another one, with a fibril of its own.
  public var executor: FibrilExecutor { FibrilExecutor(self) }
}

extension TaskRef {
  /// A program that goes on here would let a fibril see another's Swift task.
  @inline(never)
  func refuseToPark() -> Never {
    fatalError(
      """
      a Swift job on a FibrilExecutor would park its fibril (it waits, yields or joins); \
      use RemoteTask.run for what blocks
      """)
  }
}
