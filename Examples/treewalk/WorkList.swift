import Fibril
import Glibc

/// The directories still to be walked, and the sums so far: what the tasks share.
///
/// The mutex is a thread's own, not a fibril's, so nothing may block while it is held.
@safe final class WorkList: @unchecked Sendable {
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var directories: [Place]
  /// Directories that are listed here or not wholly counted yet.
  private var unfinished = 1
  /// Fibrils with nothing to do.
  private var waiting: [WakeTarget] = []
  private var sum = Tally()
  let usesHelpers: Bool

  /// `top` ends with NUL.
  init(top: [CChar], usesHelpers: Bool) {
    self.usesHelpers = usesHelpers
    unsafe mutex = .allocate(capacity: 1)
    unsafe pthread_mutex_init(mutex, nil)
    directories = [Place(top: top)]
  }

  deinit {
    unsafe pthread_mutex_destroy(mutex)
    unsafe mutex.deallocate()
  }

  private func locked<Value>(_ body: () -> Value) -> Value {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    return body()
  }

  enum Next {
    case directory(Place)
    case wait
    case end
  }

  /// The directory added last, so that the list stays short. With `wait`, `target` will be woken.
  func next(for target: WakeTarget?) -> Next {
    locked {
      if let directory = directories.popLast() { return .directory(directory) }
      if unfinished == 0 { return .end }
      if let target { waiting.append(target) }
      return .wait
    }
  }

  func add(_ found: [Place]) {
    guard !found.isEmpty else { return }
    let woken = locked {
      directories.append(contentsOf: found)
      unfinished += found.count
      defer { waiting.removeLast(min(found.count, waiting.count)) }
      return Array(waiting.suffix(found.count))
    }
    for target in woken { target.wake() }
  }

  /// A directory and all its entries have been counted.
  func finishDirectory() {
    let woken: [WakeTarget] = locked {
      unfinished -= 1
      guard unfinished == 0 else { return [] }
      defer { waiting = [] }
      return waiting
    }
    for target in woken { target.wake() }
  }

  func add(_ tally: Tally) { locked { sum.add(tally) } }

  var total: Tally { locked { sum } }
}

/// What was counted.
struct Tally: Sendable {
  var files = 0
  var directories = 0
  var others = 0
  var bytes = 0
  var errors = 0

  mutating func add(_ other: Tally) {
    files += other.files
    directories += other.directories
    others += other.others
    bytes += other.bytes
    errors += other.errors
  }
}
