// The event buffers of a process, read from outside while their owners write, and after its death.
internal import CFibrilContract
internal import Glibc

/// The memfd that holds all event buffers of one process image.
///
/// It is read by `pread`, never mapped: the process may cut the file at any time, which would end
/// whoever had mapped it. The open descriptor keeps the buffers alive when their process is gone.
@safe public struct BufferFile: ~Copyable {
  /// Of the process image that writes here; new after fork and exec.
  public let ident: UInt64
  /// The process itself made it. A forked child holds its parent's until it has made one.
  public let isOwn: Bool
  private let descriptor: Int32
  /// Its name in the process's folder of descriptors.
  private let name: String
  private let firstBuffer: Int
  private let firstName: Int
  private let nameBytes: Int
  private let bufferBytes: Int

  /// A buffer larger than this, or more of them, is no buffer of ours; nor is a longer name one.
  private static let mostBufferBytes = 1 << 26
  private static let mostNameBytes = 1 << 10
  private static let mostBuffers = 1 << 16

  /// Finds and opens it among the process's descriptors; nil if the process has none yet, is gone,
  /// or may not be looked into.
  public init?(of process: ProcessFolder) {
    let folder = process.path + "/fd"
    var found: (descriptor: Int32, name: String, header: fibril_buffer_file)?
    for name in directoryEntries(folder, limit: 1 << 20) {
      guard targetOfProcLink("\(folder)/\(name)") == Self.link else { continue }
      let descriptor = unsafe open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { continue }
      var header = fibril_buffer_file()
      guard Self.read(descriptor, at: 0, into: &header), Self.isSound(header) else {
        close(descriptor)
        continue
      }
      // A forked child holds its parent's file beside its own.
      let isOwn = header.pid == UInt32(bitPattern: process.innerProcessID)
      if found == nil || isOwn {
        if let found { close(found.descriptor) }
        found = (descriptor, name, header)
      } else {
        close(descriptor)
      }
      if isOwn { break }
    }
    guard let found else { return nil }
    descriptor = found.descriptor
    name = found.name
    ident = found.header.ident
    isOwn = found.header.pid == UInt32(bitPattern: process.innerProcessID)
    firstBuffer = Int(found.header.buffers_offset)
    bufferBytes = Int(found.header.buffer_bytes)
    firstName = Int(found.header.names_offset)
    nameBytes = Int(found.header.name_bytes)
  }

  /// Takes an open descriptor of such a file, and closes it in the end; nil if it is none.
  init?(adopting descriptor: Int32) {
    var header = fibril_buffer_file()
    guard Self.read(descriptor, at: 0, into: &header), Self.isSound(header) else {
      close(descriptor)
      return nil
    }
    self.descriptor = descriptor
    name = ""
    ident = header.ident
    isOwn = true
    firstBuffer = Int(header.buffers_offset)
    bufferBytes = Int(header.buffer_bytes)
    firstName = Int(header.names_offset)
    nameBytes = Int(header.name_bytes)
  }

  deinit { close(descriptor) }

  /// The process still has it open where it was found. A program that it executes later has not.
  public func isHeld(by process: ProcessFolder) -> Bool {
    var own = stat()
    var theirs = stat()
    guard unsafe fstat(descriptor, &own) == 0, unsafe stat("\(process.path)/fd/\(name)", &theirs) == 0 else {
      return false
    }
    return own.st_dev == theirs.st_dev && own.st_ino == theirs.st_ino
  }

  /// How many buffers there are by now, free ones among them.
  public var count: Int {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_size > firstBuffer else { return 0 }
    return min((Int(status.st_size) - firstBuffer) / bufferBytes, Self.mostBuffers)
  }

  /// The header of one buffer; nil if it serves no task of this process image.
  public func header(at index: Int) -> BufferHeader? {
    var header = fibril_buffer()
    let offset = firstBuffer + index * bufferBytes
    guard Self.read(descriptor, at: offset, into: &header), header.magic == FIBRIL_BUFFER_MAGIC,
      header.version == FIBRIL_BUFFER_VERSION, header.ident == ident, header.task != 0
    else { return nil }
    let room = (bufferBytes - Int(FIBRIL_BUFFER_SLOTS_OFFSET)) / RecordDecoder.recordBytes
    guard header.slot_bytes == RecordDecoder.recordBytes, header.slots > 0, header.slots <= room else { return nil }
    return BufferHeader(
      task: header.task, slots: Int(header.slots), head: header.head, flushed: header.flushed,
      clock: header.clock == FIBRIL_CLOCK_MONOTONIC.rawValue ? .monotonic : .timeStampCounter)
  }

  /// Where in the file a buffer lies, and its task's thread by the id that the process itself sees.
  public func place(ofBuffer index: Int) -> (offset: UInt64, threadID: UInt32)? {
    var header = fibril_buffer()
    let offset = firstBuffer + index * bufferBytes
    return Self.read(descriptor, at: offset, into: &header) ? (UInt64(offset), header.tid) : nil
  }

  /// Copies the records from `number` on that are whole; nil if there are none.
  ///
  /// When the owner is known to write no more, `isQuiet`, the slot it would write next is whole too.
  public func records(at index: Int, from number: UInt64, isQuiet: Bool = false) -> BufferedRecords? {
    guard let before = header(at: index), before.head > number else { return nil }
    let offset = firstBuffer + index * bufferBytes + Int(FIBRIL_BUFFER_SLOTS_OFFSET)
    let size = RecordDecoder.recordBytes
    let oldest = before.head > UInt64(before.slots) ? before.head - UInt64(before.slots) : 0
    let first = max(number, oldest)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(Int(before.head - first) * size)
    // In two parts, where the ring of slots wraps.
    var next = first
    while next < before.head {
      let slot = Int(next % UInt64(before.slots))
      let slots = min(before.slots - slot, Int(before.head - next))
      guard let part = Self.bytes(descriptor, at: offset + slot * size, count: slots * size) else { return nil }
      bytes += part
      next += UInt64(slots)
    }
    guard let after = header(at: index), after.task == before.task else { return nil }
    return BufferedRecords(before: before, after: after, first: first, bytes: bytes, isQuiet: isQuiet)
  }

  /// The names from `index` on that there are by now; nil if the process keeps none here.
  public func names(from index: Int) -> [String]? {
    var header = fibril_buffer_file()
    guard nameBytes > 0, nameBytes <= Self.mostNameBytes, Self.read(descriptor, at: 0, into: &header),
      header.name_count <= FIBRIL_MOST_NAMES
    else { return nil }
    let count = Int(header.name_count) - index
    guard count > 0 else { return [] }
    guard let bytes = Self.bytes(descriptor, at: firstName + index * nameBytes, count: count * nameBytes) else {
      return nil
    }
    return (0..<count).map { place in
      let name = bytes[place * nameBytes..<(place + 1) * nameBytes]
      return String(decoding: name.prefix { $0 != 0 }, as: UTF8.self)
    }
  }

  /// The name of every such file among a process's mappings and descriptors.
  public static let link = "/memfd:\(FIBRIL_BUFFER_FILE_NAME) (deleted)"

  private static func isSound(_ header: fibril_buffer_file) -> Bool {
    header.magic == FIBRIL_BUFFER_FILE_MAGIC && header.version == FIBRIL_BUFFER_VERSION
      && header.buffers_offset >= UInt32(MemoryLayout<fibril_buffer_file>.size)
      && Int(header.buffers_offset) <= Int(Int32.max)
      && Int(header.buffer_bytes) > Int(FIBRIL_BUFFER_SLOTS_OFFSET) && Int(header.buffer_bytes) <= mostBufferBytes
  }

  /// Fills a C structure, for which any bytes will do.
  private static func read<Value: BitwiseCopyable>(
    _ descriptor: Int32, at offset: Int, into value: inout Value
  ) -> Bool {
    unsafe withUnsafeMutableBytes(of: &value) { buffer in
      unsafe pread(descriptor, buffer.baseAddress, buffer.count, offset) == buffer.count
    }
  }

  private static func bytes(_ descriptor: Int32, at offset: Int, count: Int) -> [UInt8]? {
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      filled = unsafe max(0, pread(descriptor, buffer.baseAddress, count, offset))
    }
    return bytes.count == count ? bytes : nil
  }
}

/// What a buffer's header said at one moment.
public struct BufferHeader: Equatable, Sendable {
  /// The task it serves.
  public var task: UInt64
  /// How many records it holds.
  public var slots: Int
  /// Number of the task's next record.
  public var head: UInt64
  /// Every record below was offered to a batch probe.
  public var flushed: UInt64
  /// What the times of its records are.
  public var clock: TickClock.Source
}
