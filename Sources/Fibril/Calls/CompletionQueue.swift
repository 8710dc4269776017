/// Finished calls that nobody has collected yet, oldest first: a list of segments, each freed as soon as
/// all in it has been taken, so that a million of them cost what they take and no copy.
@safe struct CompletionQueue {
  @safe private struct Segment {
    var next: UnsafeMutablePointer<Segment>?
  }

  private var first: UnsafeMutablePointer<Segment>
  private var last: UnsafeMutablePointer<Segment>
  /// One segment that is kept, so that a queue which is now empty, now not, allocates nothing.
  private var spare: UnsafeMutablePointer<Segment>?
  /// The next cell to be taken in `first`, and to be filled in `last`.
  private var head = 0
  private var tail = 0
  private(set) var count = 0

  /// With its link a segment takes 4 KiB.
  private static let cellsInSegment = 255

  init() {
    unsafe first = Self.makeSegment()
    unsafe last = unsafe first
  }

  func deallocate() {
    var next = unsafe Optional(first)
    while let segment = unsafe next {
      unsafe next = unsafe segment.pointee.next
      unsafe segment.deallocate()
    }
    unsafe spare?.deallocate()
  }

  @inline(__always)
  mutating func append(_ completion: Completion) {
    if tail == Self.cellsInSegment { addSegment() }
    unsafe Self.cells(of: last)[tail] = completion
    tail += 1
    count += 1
  }

  @inline(__always)
  mutating func popFirst() -> Completion? {
    guard count > 0 else { return nil }
    if head == Self.cellsInSegment { dropSegment() }
    let completion = unsafe Self.cells(of: first)[head]
    head += 1
    count -= 1
    if count == 0 { (head, tail) = (0, 0) }  // both are in one segment
    return completion
  }

  @inline(never)
  private mutating func addSegment() {
    let segment = unsafe spare ?? Self.makeSegment()
    unsafe spare = nil
    unsafe segment.pointee.next = nil
    unsafe last.pointee.next = unsafe segment
    unsafe last = unsafe segment
    tail = 0
  }

  @inline(never)
  private mutating func dropSegment() {
    let old = unsafe first
    unsafe first = unsafe old.pointee.next!
    head = 0
    if unsafe spare == nil { unsafe spare = unsafe old } else { unsafe old.deallocate() }
  }

  private static func makeSegment() -> UnsafeMutablePointer<Segment> {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: (cellsInSegment + 1) * MemoryLayout<Completion>.stride,
      alignment: MemoryLayout<Completion>.alignment)
    return unsafe memory.initializeMemory(as: Segment.self, to: Segment(next: nil))
  }

  @inline(__always)
  private static func cells(of segment: UnsafeMutablePointer<Segment>) -> UnsafeMutablePointer<Completion> {
    unsafe (UnsafeMutableRawPointer(segment) + MemoryLayout<Completion>.stride)
      .assumingMemoryBound(to: Completion.self)
  }
}
