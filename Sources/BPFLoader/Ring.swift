// The reading end of the ring through which entries come from the kernel.
internal import CLibbpf
internal import Glibc

/// A BPF ring buffer, mapped.
///
/// It is read here and not by libbpf, because a reader has to know how far the ring was filled at some
/// moment, and to stop, for good or for an error, behind any entry.
@safe final class Ring {
  /// Becomes readable when the kernel wakes the reader.
  let descriptor: Int32
  private let consumed: UnsafeMutablePointer<UInt>
  /// Behind its page the ring follows, twice, so that no entry is cut in two.
  private let produced: UnsafeMutablePointer<UInt>
  private let bytes: Int
  private let page = sysconf(Int32(_SC_PAGESIZE))

  /// Of an entry's header, whose first 32 bits are its length and these two flags.
  private static let isBusy: UInt32 = 1 << 31
  private static let isDiscarded: UInt32 = 1 << 30
  private static let headerBytes = 8

  /// Maps a ring of `bytes` bytes.
  init(map: Int32, bytes: Int, action: String) throws(BPFError) {
    let writable = unsafe mmap(nil, page, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0)
    let readable = unsafe mmap(nil, page + 2 * bytes, PROT_READ, MAP_SHARED, map, page)
    guard let writable = unsafe writable, let readable = unsafe readable, unsafe writable != MAP_FAILED,
      unsafe readable != MAP_FAILED
    else { throw BPFError(action, errno: errno, detail: "ring buffer") }
    unsafe consumed = writable.assumingMemoryBound(to: UInt.self)
    unsafe produced = readable.assumingMemoryBound(to: UInt.self)
    self.bytes = bytes
    // A descriptor of its own: the map itself is readable as soon as there is anything.
    descriptor = epoll_create1(Int32(O_CLOEXEC))
    var event = unsafe epoll_event()
    unsafe event.events = EPOLLIN.rawValue
    guard descriptor >= 0, unsafe epoll_ctl(descriptor, EPOLL_CTL_ADD, map, &event) == 0 else {
      throw BPFError(action, errno: errno, detail: "ring buffer")
    }
  }

  deinit {
    close(descriptor)
    unsafe munmap(consumed, page)
    unsafe munmap(produced, page + 2 * bytes)
  }

  /// Where the next entry will lie, counted in bytes from the ring's beginning.
  var end: UInt { unsafe tracer_load(produced) }
  /// How far it has been read.
  private(set) var position: UInt = 0

  /// Has entries handled, one by one, until the ring is empty or `limit` bytes have been read; true if there
  /// may be more. An entry whose handling throws has been read.
  func read(limit: UInt, _ handle: (RawSpan) throws -> Void) rethrows -> Bool {
    let stop = position &+ limit
    let data = unsafe UnsafeRawPointer(produced) + page
    while position != end {
      if position &- stop < limit { return true }
      let header = unsafe data + Int(position % UInt(bytes))
      let length = unsafe tracer_load_length(header.assumingMemoryBound(to: UInt32.self))
      // Whoever holds this place is about to fill it.
      if length & Self.isBusy != 0 { return false }
      let size = min(Int(length & ~Self.isDiscarded), bytes)
      defer {
        position &+= UInt((Self.headerBytes + size + 7) & ~7)
        unsafe tracer_store(consumed, position)
      }
      if length & Self.isDiscarded == 0 {
        // The kernel does not write there before `consumed` says so.
        try unsafe handle(RawSpan(_unsafeStart: header + Self.headerBytes, byteCount: size))
      }
    }
    return false
  }
}
