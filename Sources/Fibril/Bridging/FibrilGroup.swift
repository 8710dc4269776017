internal import CFibril
internal import Glibc
internal import Synchronization

/// Tasks on threads of their own, each with its own run queue, ring and helpers, that run what others
/// give them:
///
/// ```swift
/// let group = try FibrilGroup(tasks: 4)
/// for socket in sockets { try group.spawn(name: "session") { serve(socket) } }
/// let answer = try await group.run { try ask() }
/// group.close()
/// ```
///
/// A fibril stays on the task that it was spawned on.
public final class FibrilGroup: Sendable {
  public let tasks: [RemoteTask]
  private let threads: [HostThread]
  private let next = Atomic(0)
  private let isClosed = Mutex(false)

  /// Starts the threads.
  /// - Throws: `FibrilError` for want of threads, memory or descriptors.
  public init(tasks count: Int, options: FibrilTask.Options = .init()) throws(FibrilError) {
    precondition(count > 0, "a group of \(count) tasks could run nothing")
    var threads: [HostThread] = []
    do {
      for _ in 0..<count { threads.append(try HostThread(options)) }
    } catch {
      for thread in threads { thread.end(waits: true) }
      throw error
    }
    self.threads = threads
    tasks = threads.map(\.task)
  }

  /// A new fibril on one of the tasks, each in turn.
  /// - Throws: `FibrilError` (ESRCH) if the group is closed.
  public func spawn(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes, _ body: @escaping @Sendable () -> Void
  ) throws(FibrilError) {
    try nextTask().spawn(name: name, stackBytes: stackBytes, body)
  }

  /// Runs a closure of blocking calls on one of the tasks; see `RemoteTask.run`.
  public func run<Value: Sendable>(
    name: String? = nil, stackBytes: Int = Fibril.defaultStackBytes, _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await nextTask().run(name: name, stackBytes: stackBytes, body)
  }

  /// Waits until all fibrils have ended, and ends the threads. A fibril of another task is blocked meanwhile,
  /// not its task. Not to be called by a fibril of the group, which would wait for itself.
  public func close() {
    precondition(!isCalledFromWithin, "a fibril closes the group that it belongs to: it would wait for itself for ever")
    end(waits: true)
  }

  /// If nobody has closed the group: as `close`, but where its last holder is a fibril of its own, the
  /// threads end by themselves.
  deinit { end(waits: !isCalledFromWithin) }

  private func end(waits: Bool) {
    let wasClosed = isClosed.withLock { isClosed in
      defer { isClosed = true }
      return isClosed
    }
    guard !wasClosed else { return }
    for thread in threads { thread.end(waits: waits) }
  }

  private var isCalledFromWithin: Bool {
    guard let task = currentTask() else { return false }
    return tasks.contains { $0.id == task.pointee.id }
  }

  private func nextTask() -> RemoteTask {
    tasks[next.wrappingAdd(1, ordering: .relaxed).oldValue % tasks.count]
  }
}

/// A thread that is a task until it is told to end.
private final class HostThread: Sendable {
  let task: RemoteTask
  private let root: WakeTarget
  private let thread: pthread_t
  private let hasEnded: FibrilSemaphore

  /// What the thread says of itself once it is a task, or why it is none.
  private final class Start: @unchecked Sendable {
    // Sendable: written by the thread, read by its maker after `isReady`.
    let options: FibrilTask.Options
    let isReady = FibrilSemaphore(permits: 0)
    let hasEnded = FibrilSemaphore(permits: 0)
    var result: Result<(RemoteTask, WakeTarget), FibrilError>?

    init(_ options: FibrilTask.Options) { self.options = options }
  }

  init(_ options: FibrilTask.Options) throws(FibrilError) {
    let start = Start(options)
    hasEnded = start.hasEnded
    var thread = pthread_t()
    let argument = unsafe Unmanaged.passRetained(start)
    let error = unsafe pthread_create(
      &thread, nil,
      { argument in
        HostThread.serve(unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue())
        return nil
      }, argument.toOpaque())
    guard error == 0 else {
      unsafe argument.release()
      throw FibrilError(action: "start the thread of a fibril task", code: error)
    }
    start.isReady.acquireUninterruptibly()
    do {
      (task, root) = try start.result!.get()
    } catch {
      pthread_join(thread, nil)
      throw error
    }
    self.thread = thread
  }

  private static func serve(_ start: Start) {
    do throws(FibrilError) {
      let task = try FibrilTask(options: start.options)
      start.result = .success((task.remote, WakeTarget.current))
      start.isReady.release()
      Fibril.withoutCancellation { _ = try? Fibril.block() }
    } catch {
      start.result = .failure(error)
      start.isReady.release()
    }
    start.hasEnded.release()
  }

  /// Has the thread end when its fibrils have, and waits for that.
  func end(waits: Bool) {
    root.wake()
    guard waits else {
      pthread_detach(thread)
      return
    }
    hasEnded.acquireUninterruptibly()
    pthread_join(thread, nil)
  }
}
