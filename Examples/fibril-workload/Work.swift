import Fibril

/// One way of blocking, an exact number of times.
protocol Work {
  /// Blocks the fibril with this index once.
  func blockOnce(_ index: Int)
  /// The root's part: lets every fibril go on that has blocked once.
  func letGoOnce()
  func close()
}

extension Work {
  func letGoOnce() {}
  func close() {}
}

extension Workload.Kind {
  func makeWork(fibrils: Int, depth: Int, _ room: WaitingRoom) throws -> any Work {
    switch self {
    case .sleep: SleepWork()
    case .yield: YieldWork()
    case .read: try ReadWork(fibrils: fibrils, room)
    case .mutex: try MutexWork(room)
    case .channel: ChannelWork(fibrils: fibrils, room)
    case .climb: ClimbWork(depth: depth)
    case .spawn: SpawnWork()
    }
  }
}

/// Nothing in this program cancels a fibril or sets a deadline, so its waits end well.
func blockForGood() {
  do {
    try Fibril.block()
  } catch {
    fatalError("a fibril that nobody cancels was interrupted: \(error)")
  }
}

struct SleepWork: Work {
  func blockOnce(_ index: Int) { try! Fibril.sleep(for: .milliseconds(1)) }
}

struct YieldWork: Work {
  func blockOnce(_ index: Int) { Fibril.yield() }
}

struct ReadWork: Work {
  private let descriptors: [EventDescriptor]
  private let room: WaitingRoom

  init(fibrils: Int, _ room: WaitingRoom) throws {
    descriptors = try (0..<fibrils).map { _ in try EventDescriptor() }
    self.room = room
  }

  func blockOnce(_ index: Int) {
    room.arrive()
    descriptors[index].read()
  }

  func letGoOnce() {
    room.awaitAll()
    for descriptor in descriptors { descriptor.raise() }
  }

  func close() {
    for descriptor in descriptors { descriptor.close() }
  }
}

/// The root holds the mutex until all wait for it; then it goes from one to the next.
struct MutexWork: Work {
  private let mutex = FibrilMutex()
  private let room: WaitingRoom

  init(_ room: WaitingRoom) throws {
    self.room = room
    try mutex.lock()
  }

  func blockOnce(_ index: Int) {
    room.arrive()
    try! mutex.lock()
    mutex.unlock()
  }

  /// The root is last in line when it locks again, behind all who have waited this time. Those who come
  /// for the next time find it locked.
  func letGoOnce() {
    room.awaitAll()
    mutex.unlock()
    try! mutex.lock()
  }

  func close() { mutex.unlock() }
}

struct ChannelWork: Work {
  private let channel: FibrilChannel<Int>
  private let fibrils: Int
  private let room: WaitingRoom

  init(fibrils: Int, _ room: WaitingRoom) {
    channel = FibrilChannel(capacity: max(1, fibrils))
    self.fibrils = fibrils
    self.room = room
  }

  func blockOnce(_ index: Int) {
    room.arrive()
    _ = try! channel.receive()
  }

  func letGoOnce() {
    room.awaitAll()
    for number in 0..<fibrils { try! channel.send(number) }
  }
}
