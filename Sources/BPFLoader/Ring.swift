// The ring through which batches come from the kernel, and what is made of them.
internal import CFibrilContract
internal import CLibbpf
internal import Glibc
internal import TraceEvents

/// Turns batches into events, a limited number at a time.
final class BatchDecoder {
  var decoder = RecordDecoder()
  var clock: TickClock
  var events: [Event] = []
  /// Batches that came through the ring.
  private(set) var batches: UInt64 = 0
  /// Which image of the process the batches come from; its records are not those of the next.
  private var image: UInt64?
  /// The process has executed another program, whose batches are left out.
  private(set) var imageHasChanged = false

  /// The reader pauses when this many events are decoded, so that they are delivered before more are.
  private static let enoughEvents = 4096

  init(clock: TickClock) {
    self.clock = clock
    events.reserveCapacity(Self.enoughEvents + Int(FIBRIL_BATCH_MAX_BYTES) / RecordDecoder.recordBytes + 2)
  }

  /// Decodes one entry of the ring; false when enough events wait.
  func take(_ entry: RawSpan) -> Bool {
    let headerBytes = MemoryLayout<fibril_batch>.size
    guard entry.byteCount >= headerBytes else { return true }
    // The BPF program wrote the header, and any bytes make one.
    let header = unsafe entry.unsafeLoadUnaligned(as: fibril_batch.self)
    if header.image != image ?? header.image {
      imageHasChanged = true
      return true
    }
    image = header.image
    let records = entry.extracting(headerBytes..<min(entry.byteCount, headerBytes + Int(header.bytes)))
    keepClock(aheadOf: records)
    decoder.decode(records, task: header.task, first: header.first, clock: &clock, into: &events)
    batches += 1
    return events.count < Self.enoughEvents
  }

  /// A clock pair later than the batch lets all its times lie between two pairs.
  private func keepClock(aheadOf records: RawSpan) {
    let last = records.byteCount - RecordDecoder.recordBytes
    guard last >= 0 else { return }
    // `time` comes first in a record.
    let ticks = unsafe records.unsafeLoadUnaligned(fromByteOffset: last, as: UInt64.self)
    if ticks > clock.lastTicks { clock.add(.now()) }
  }
}

/// The reading end of a ring.
@safe struct Ring: ~Copyable {
  private let ring: OpaquePointer
  /// The kernel's library holds a plain pointer to it.
  private let decoder: BatchDecoder

  /// What the callback returns to pause, and `consume` after it.
  private static let pause = -ECANCELED

  init(map: Int32, decoder: BatchDecoder, action: String) throws(BPFError) {
    let ring = unsafe ring_buffer__new(
      map,
      { context, entry, bytes in
        // `context` is the decoder below, which this handle keeps alive; `entry` is valid in here.
        guard let context = unsafe context, let entry = unsafe entry else { return 0 }
        let decoder = unsafe Unmanaged<BatchDecoder>.fromOpaque(context).takeUnretainedValue()
        return unsafe decoder.take(RawSpan(_unsafeStart: entry, byteCount: bytes)) ? 0 : Ring.pause
      }, Unmanaged.passUnretained(decoder).toOpaque(), nil)
    guard let ring = unsafe ring else { throw BPFError(action, errno: errno, detail: "ring buffer") }
    unsafe self.ring = ring
    self.decoder = decoder
  }

  deinit { unsafe ring_buffer__free(ring) }

  /// Becomes readable when the ring is a quarter full.
  var descriptor: Int32 { unsafe ring_buffer__epoll_fd(ring) }

  /// Has batches decoded until the ring is empty or enough events wait; true if there may be more.
  func consume() -> Bool { unsafe ring_buffer__consume(ring) == Self.pause }
}
