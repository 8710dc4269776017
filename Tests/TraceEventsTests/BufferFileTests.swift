import CFibrilContract
import Glibc
import Testing

@testable import TraceEvents

/// A file laid out as a runtime's, in the hands of the test.
private final class FakeBuffers {
  let descriptor: Int32

  /// `names` lie behind everything else, 64 bytes each.
  init(pid: UInt32 = UInt32(getpid()), names: [String] = [], claimedNames: UInt32? = nil, nameBytes: UInt32 = 64) {
    var template = Array("/tmp/fibril-test-XXXXXX".utf8CString)
    descriptor = unsafe mkstemp(&template)
    unsafe _ = unlink(template)
    var header = fibril_buffer_file()
    header.magic = FIBRIL_BUFFER_FILE_MAGIC
    header.version = FIBRIL_BUFFER_VERSION
    header.pid = pid
    header.ident = 55
    header.buffers_offset = FIBRIL_BUFFER_SLOTS_OFFSET
    header.buffer_bytes = FIBRIL_BUFFER_SLOTS_OFFSET + FIBRIL_BUFFER_SLOTS * 32
    header.names_offset = 1 << 20
    header.name_bytes = nameBytes
    header.name_count = claimedNames ?? UInt32(names.count)
    write(header, at: 0)
    for (index, name) in names.enumerated() {
      let bytes = Array(name.utf8) + Array(repeating: 0, count: 64 - name.utf8.count)
      unsafe _ = pwrite(descriptor, bytes, 64, 1 << 20 + index * 64)
    }
  }

  deinit { close(descriptor) }

  func write<Value>(_ value: Value, at offset: Int) {
    unsafe withUnsafeBytes(of: value) { bytes in
      unsafe _ = pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
    }
  }

  static func offset(_ index: Int) -> Int { 4096 + index * (4096 + 1024 * 32) }

  /// Sets a buffer's header, and ends the file behind the buffer.
  func writeHeader(
    _ index: Int, task: UInt64, head: UInt64, flushed: UInt64 = 0, ident: UInt64 = 55, slots: UInt32 = 1024
  ) {
    var header = fibril_buffer()
    header.magic = FIBRIL_BUFFER_MAGIC
    header.version = FIBRIL_BUFFER_VERSION
    header.slots = slots
    header.slot_bytes = 32
    header.task = task
    header.ident = ident
    header.clock = UInt64(FIBRIL_CLOCK_MONOTONIC.rawValue)
    header.head = head
    header.flushed = flushed
    write(header, at: Self.offset(index))
    if size < Self.offset(index + 1) { ftruncate(descriptor, Self.offset(index + 1)) }
  }

  func writeRecords(_ index: Int, _ records: Records, from first: UInt64) {
    for (position, record) in records.all.enumerated() {
      let slot = Int((first + UInt64(position)) % 1024)
      write(record, at: Self.offset(index) + 4096 + slot * 32)
    }
  }

  var size: Int {
    var status = stat()
    unsafe _ = fstat(descriptor, &status)
    return status.st_size
  }

  func opened() -> Opened? { Opened(dup(descriptor)) }
}

/// A buffer file that the test macros can hold.
private final class Opened {
  private let file: BufferFile

  func names(from index: Int) -> [String]? { file.names(from: index) }

  init?(_ descriptor: Int32) {
    guard let file = BufferFile(adopting: descriptor) else { return nil }
    self.file = file
  }

  var ident: UInt64 { file.ident }
  var count: Int { file.count }
  func header(at index: Int) -> BufferHeader? { file.header(at: index) }
  func records(at index: Int, from number: UInt64) -> BufferedRecords? { file.records(at: index, from: number) }
}

@Suite struct BufferFileTests {
  private func decoded(_ copy: BufferedRecords, expecting number: UInt64, isLast: Bool = false) -> Decoding {
    var decoding = Decoding()
    decoding.decoder.begin(task: copy.task, at: number)
    decoding.decoder.decode(copy, isLast: isLast, clock: &decoding.clock, into: &decoding.events)
    return decoding
  }

  @Test func recordsAreReadAcrossTheWrap() throws {
    let fake = FakeBuffers()
    var records = Records(from: 2000)
    records.addTeardowns(100)
    fake.writeRecords(1, records, from: 2000)
    fake.writeHeader(0, task: 0, head: 0)
    fake.writeHeader(1, task: 9, head: 2100, flushed: 2050)
    let file = try #require(fake.opened())
    #expect(file.ident == 55)
    #expect(file.count == 2)
    #expect(file.header(at: 0) == nil)
    #expect(file.header(at: 1) == BufferHeader(task: 9, slots: 1024, head: 2100, flushed: 2050, clock: .monotonic))
    let copy = try #require(file.records(at: 1, from: 2000))
    #expect(decoded(copy, expecting: 2000).numbers == Array(2000..<2100))
    #expect(decoded(copy, expecting: 2090).numbers == Array(2090..<2100))
    #expect(file.records(at: 1, from: 2100) == nil)
  }

  @Test func fileMayGrowAndShrink() throws {
    let fake = FakeBuffers()
    let file = try #require(fake.opened())
    #expect(file.count == 0)
    fake.writeHeader(2, task: 4, head: 1)
    #expect(file.count == 3)
    ftruncate(fake.descriptor, 5000)
    #expect(file.count == 0)
    #expect(file.header(at: 2) == nil)
    #expect(file.records(at: 2, from: 0) == nil)
  }

  @Test func whatIsNoBufferIsLeftOut() throws {
    let fake = FakeBuffers()
    fake.writeHeader(0, task: 1, head: 5, ident: 56)
    fake.writeHeader(1, task: 1, head: 5, slots: 1025)
    fake.writeHeader(2, task: 1, head: 5, slots: 0)
    let file = try #require(fake.opened())
    for index in 0..<4 { #expect(file.header(at: index) == nil) }
    var header = fibril_buffer_file()
    fake.write(header, at: 0)
    #expect(fake.opened() == nil)
    header.magic = FIBRIL_BUFFER_FILE_MAGIC
    header.version = FIBRIL_BUFFER_VERSION
    header.buffers_offset = 4096
    header.buffer_bytes = 0
    fake.write(header, at: 0)
    #expect(fake.opened() == nil)
  }

  /// A head that makes no sense asks for no more than there are slots.
  @Test func anyHeadIsBounded() throws {
    let fake = FakeBuffers()
    let file = try #require(fake.opened())
    for head in [UInt64.max, 1 << 63, 1024, 1025] {
      fake.writeHeader(0, task: 1, head: head)
      let copy = file.records(at: 0, from: 0)
      #expect(copy == nil || copy!.end - copy!.first <= 1024)
    }
  }
}

/// Which records of a copy count.
@Suite struct BufferedRecordsTests {
  private func copy(
    _ range: Range<UInt64>, headAfter: UInt64, flushed: UInt64 = 0, isQuiet: Bool = false, torn: UInt64? = nil
  ) -> BufferedRecords {
    var records = Records(from: range.lowerBound)
    records.addTeardowns(range.count)
    var bytes = records.bytes
    if let torn { bytes[Int(torn - range.lowerBound) * 32 + 26] ^= 0xff }
    return BufferedRecords(
      before: BufferHeader(task: 1, slots: 1024, head: range.upperBound, flushed: flushed, clock: .monotonic),
      after: BufferHeader(task: 1, slots: 1024, head: headAfter, flushed: flushed, clock: .monotonic),
      first: range.lowerBound, bytes: bytes, isQuiet: isQuiet)
  }

  @Test func whatTheOwnerMayHaveOverwrittenDoesNotCount() {
    #expect(copy(1000..<2024, headAfter: 2024).first == 1001)
    #expect(copy(1000..<2024, headAfter: 2100).first == 1077)
    #expect(copy(1000..<2024, headAfter: 9000).first == 2024)
    #expect(copy(1000..<2024, headAfter: 2024, isQuiet: true).first == 1000)
    #expect(copy(0..<10, headAfter: 10).first == 0)
    // What has not been handed over is not written over.
    #expect(copy(1000..<2024, headAfter: 2024, flushed: 1000).first == 1000)
    #expect(copy(1000..<2024, headAfter: 2024, flushed: 1001).first == 1001)
    #expect(copy(1000..<2024, headAfter: 2024, flushed: 2024).first == 1001)
  }

  @Test func aTornRecordAndAllInFrontOfItDoNotCount() {
    #expect(copy(1500..<2024, headAfter: 2024, torn: 1700).first == 1701)
  }

  @Test func aGapThatTheRingWillFillIsLeftAlone() {
    let copy = copy(1500..<1600, headAfter: 1600, flushed: 1520)
    #expect(copy.start(expecting: 1500) == 1500)
    #expect(copy.start(expecting: 1550) == 1550)
    #expect(copy.start(expecting: 1600) == nil)
    // What is missing had been flushed before the copy was made: it is lost.
    #expect(copy.start(expecting: 1400) == 1500)
    let early = self.copy(1500..<1600, headAfter: 1600, flushed: 1400)
    #expect(early.start(expecting: 1450) == nil)
  }

  @Test func theLastCopyTellsWhatIsLost() {
    var decoding = Decoding()
    decoding.decoder.begin(task: 1, at: 1450)
    let copy = copy(1500..<1503, headAfter: 1503, flushed: 1400)
    decoding.decoder.decode(copy, isLast: false, clock: &decoding.clock, into: &decoding.events)
    #expect(decoding.events.isEmpty)
    decoding.decoder.decode(copy, isLast: true, clock: &decoding.clock, into: &decoding.events)
    #expect(decoding.numbers == [1450, 1500, 1501, 1502])
    #expect(decoding.decoder.lostRecords == 50)
  }

  @Test func namesAreReadFromWhereTheyEnded() throws {
    let file = try #require(FakeBuffers(names: ["", "worker", "ünïcode", ""]).opened())
    #expect(file.names(from: 0) == ["", "worker", "ünïcode", ""])
    #expect(file.names(from: 2) == ["ünïcode", ""])
    #expect(file.names(from: 4) == [])
    #expect(file.names(from: 9) == [])
  }

  @Test func absurdNamesAreNone() throws {
    // More than a table can have, more than the file holds, and names of no length or of megabytes.
    #expect(try #require(FakeBuffers(names: [""], claimedNames: .max).opened()).names(from: 0) == nil)
    #expect(try #require(FakeBuffers(names: [""], claimedNames: 1 << 20).opened()).names(from: 0) == nil)
    #expect(try #require(FakeBuffers(names: [""], nameBytes: 0).opened()).names(from: 0) == nil)
    #expect(try #require(FakeBuffers(names: [""], nameBytes: 1 << 30).opened()).names(from: 0) == nil)
  }
}
