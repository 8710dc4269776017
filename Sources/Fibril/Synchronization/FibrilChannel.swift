internal import CFibril
internal import CFibrilContract

/// A bounded channel: elements go in at one end and come out at the other in the same order, between
/// fibrils of one task, of several, and plain threads. Who finds it full, or empty, waits; first come,
/// first served.
public final class FibrilChannel<Element: Sendable>: @unchecked Sendable {
  // Sendable: all that changes is touched under the guard of `senders`.
  private let capacity: Int
  private var elements: [Element?]
  private var first = 0
  private var count = 0
  private var isClosed = false
  /// Of those that have been woken and not run yet. What is promised nobody else takes.
  private var promisedElements = 0
  private var promisedRooms = 0
  private let shared = SharedMemory(fibril_channel())

  /// - Parameter capacity: How many elements it holds, at least one.
  public init(capacity: Int) {
    precondition(capacity > 0, "a channel of capacity \(capacity) could hold nothing")
    self.capacity = capacity
    elements = Array(repeating: nil, count: capacity)
  }

  /// Why an element could not be sent.
  public enum SendError: Error, Equatable, Sendable {
    case closed
    case wait(WaitError)
  }

  /// Puts an element in, waiting while the channel is full.
  public func send(_ element: Element, until deadline: Deadline = .never) throws(SendError) {
    senders.lock()
    if !isClosed, count + promisedRooms == capacity {
      let code = senders.wait(.init(reason: FIBRIL_REASON_SEND, object: shared.address, deadline: deadline))
      if let error = WaitError(code: code) { throw .wait(error) }
      senders.lock()
      promisedRooms -= 1
    }
    defer { senders.unlock() }
    guard !isClosed else { throw .closed }
    elements[(first + count) % capacity] = element
    count += 1
    receivers.lock()
    if receivers.grantFirst() { promisedElements += 1 }
    receivers.unlock()
  }

  /// Takes the oldest element out, waiting while there is none.
  /// - Returns: nil when the channel is closed and empty.
  public func receive(until deadline: Deadline = .never) throws(WaitError) -> Element? {
    senders.lock()
    if count == promisedElements {
      guard !isClosed else {
        senders.unlock()
        return nil
      }
      receivers.lock()
      // Who sends takes the guard of `senders` first, so nothing can come in between.
      senders.unlock()
      let code = receivers.wait(.init(reason: FIBRIL_REASON_RECEIVE, object: shared.address, deadline: deadline))
      if let error = WaitError(code: code) { throw error }
      senders.lock()
      guard promisedElements > 0 else {  // woken by `close`
        senders.unlock()
        return nil
      }
      promisedElements -= 1
    }
    defer { senders.unlock() }
    let element = elements[first].take()
    first = (first + 1) % capacity
    count -= 1
    if senders.grantFirst() { promisedRooms += 1 }
    return element
  }

  /// Nothing more can be sent; what is in it can still be received.
  public func close() {
    senders.lock()
    isClosed = true
    while senders.grantFirst() { promisedRooms += 1 }
    receivers.lock()
    while receivers.grantFirst() {}
    receivers.unlock()
    senders.unlock()
  }

  package var hasWaiters: Bool { !senders.isEmpty || !receivers.isEmpty }

  private var senders: WaitQueue { unsafe WaitQueue(&shared.pointer.pointee.senders) }
  private var receivers: WaitQueue { unsafe WaitQueue(&shared.pointer.pointee.receivers) }
}
