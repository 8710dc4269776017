/// Finished calls that nobody has collected yet, oldest first: a ring of cells that doubles.
@safe struct CompletionQueue {
  private var cells: UnsafeMutablePointer<Completion>
  private var capacity = 64
  private var first = 0
  private(set) var count = 0

  init() { unsafe cells = .allocate(capacity: capacity) }

  func deallocate() { unsafe cells.deallocate() }

  mutating func append(_ completion: Completion) {
    if count == capacity { grow() }
    unsafe cells[(first + count) & (capacity - 1)] = completion
    count += 1
  }

  mutating func popFirst() -> Completion? {
    guard count > 0 else { return nil }
    let completion = unsafe cells[first]
    first = (first + 1) & (capacity - 1)
    count -= 1
    return completion
  }

  private mutating func grow() {
    let larger = UnsafeMutablePointer<Completion>.allocate(capacity: capacity * 2)
    for index in 0..<count { unsafe larger[index] = unsafe cells[(first + index) & (capacity - 1)] }
    unsafe cells.deallocate()
    unsafe cells = unsafe larger
    capacity *= 2
    first = 0
  }
}
