internal import CFibrilContract

/// The calling thread's task where no value owns it: for the C interface, in which a task has no handle.
package enum ThreadsTask {
  package static func start(options: FibrilTask.Options) throws(FibrilError) {
    try FibrilTask(options: options).leave()
  }

  package static var isRoot: Bool { currentTask().map { $0.pointee.running == $0.pointee.root } ?? false }

  package static var counts: EventCounts? { currentTask().map { EventCounts($0.pointee.slot.pointee.counts) } }

  /// By the root fibril only, as what follows.
  package static func joinAll() { requireTask().joinAll() }

  package static func stop() { stopTask(requireTask()) }
}
