import Fibril
import Glibc

/// A thread that is a task for as long as its plan takes.
struct TaskThread {
  private let thread: pthread_t
  private let box: Box

  /// What crosses over to the thread and back; the join orders the accesses.
  private final class Box: @unchecked Sendable {
    let plan: WorkPlan
    var result: Result<EventCounts, any Error>?

    init(_ plan: WorkPlan) { self.plan = plan }
  }

  init(_ plan: WorkPlan) throws {
    let box = Box(plan)
    var thread = pthread_t()
    let error = unsafe pthread_create(
      &thread, nil,
      { argument in
        let box = unsafe Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue()
        box.result = Result { try box.plan.run() }
        return nil
      }, Unmanaged.passRetained(box).toOpaque())
    guard error == 0 else { throw WorkloadError(action: "start a thread", code: error) }
    self.thread = thread
    self.box = box
  }

  func join() throws -> EventCounts {
    pthread_join(thread, nil)
    return try box.result!.get()
  }
}
