// The ring through which single events come from the kernel.
internal import CLibbpf
internal import Glibc

/// The reading end of the ring of precise mode.
@safe struct PreciseRing: ~Copyable {
  private let ring: OpaquePointer
  /// The kernel's library holds a plain pointer to it.
  private let reader: PreciseReader
  /// The kernel's two pages that say up to where the ring was read and written, 8 bytes each.
  private let consumed, produced: UnsafeMutableRawPointer

  private static let page = Int(sysconf(Int32(_SC_PAGESIZE)))
  /// What the callback returns to pause, and `consume` after it.
  private static let pause = -ECANCELED

  init(map: Int32, reader: PreciseReader, action: String) throws(BPFError) {
    let ring = unsafe ring_buffer__new(
      map,
      { context, entry, bytes in
        // `context` is the reader below, which this handle keeps alive; `entry` is valid in here.
        guard let context = unsafe context, let entry = unsafe entry else { return 0 }
        let reader = unsafe Unmanaged<PreciseReader>.fromOpaque(context).takeUnretainedValue()
        return unsafe reader.take(RawSpan(_unsafeStart: entry, byteCount: bytes)) ? 0 : PreciseRing.pause
      }, Unmanaged.passUnretained(reader).toOpaque(), nil)
    guard let ring = unsafe ring else { throw BPFError(action, errno: errno, detail: "ring buffer") }
    let consumed = unsafe mmap(nil, Self.page, PROT_READ, MAP_SHARED, map, 0)
    let produced = unsafe mmap(nil, Self.page, PROT_READ, MAP_SHARED, map, Self.page)
    guard let consumed = unsafe consumed, unsafe consumed != MAP_FAILED, let produced = unsafe produced,
      unsafe produced != MAP_FAILED
    else {
      let error = BPFError(action, errno: errno, detail: "pages of the ring buffer")
      unsafe ring_buffer__free(ring)
      throw error
    }
    unsafe self.ring = ring
    self.reader = reader
    unsafe self.consumed = consumed
    unsafe self.produced = produced
  }

  deinit {
    unsafe ring_buffer__free(ring)
    unsafe munmap(consumed, Self.page)
    unsafe munmap(produced, Self.page)
  }

  /// Becomes readable when the ring is a quarter full.
  var descriptor: Int32 { unsafe ring_buffer__epoll_fd(ring) }

  /// Has entries taken until the ring is empty, one is not complete, or enough wait; true if enough wait.
  func consume() -> Bool { unsafe ring_buffer__consume(ring) == Self.pause }

  /// Nothing is in it, not even an entry that is being written.
  var isEmpty: Bool {
    // The kernel writes whole words. Read in this order: what was read cannot be ahead of what was written.
    let written = unsafe produced.load(as: UInt64.self)
    return unsafe consumed.load(as: UInt64.self) == written
  }
}
