// The first bytes of a .fbt file: what wrote it, when, and on what machine.
internal import Glibc

/// What a `.fbt` file says of itself.
public struct FBTHeader: Equatable, Sendable {
  public var major = FBTFormat.major
  public var minor = FBTFormat.minor
  /// When it was begun: CLOCK_REALTIME and CLOCK_MONOTONIC at one moment, in ns.
  public var realTime: UInt64
  public var monotonicTime: UInt64
  /// The version of the tracer that wrote it.
  public var tracer: String
  /// As uname(2) says.
  public var kernelRelease: String
  public var machine: String
  /// In bytes.
  public var pageSize: UInt32

  /// A header of these parts.
  public init(
    realTime: UInt64, monotonicTime: UInt64, tracer: String, kernelRelease: String, machine: String, pageSize: UInt32
  ) {
    self.realTime = realTime
    self.monotonicTime = monotonicTime
    self.tracer = tracer
    self.kernelRelease = kernelRelease
    self.machine = machine
    self.pageSize = pageSize
  }

  /// Of a file that `tracer`, a version, begins now on this machine.
  public static func now(tracer: String) -> FBTHeader {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    let (release, machine) = kernelAndMachine()
    return FBTHeader(
      realTime: UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec),
      monotonicTime: ClockPair.now().nanoseconds, tracer: tracer, kernelRelease: release, machine: machine,
      pageSize: UInt32(max(0, sysconf(Int32(_SC_PAGESIZE)))))
  }

  private static func kernelAndMachine() -> (String, String) {
    var names = utsname()
    guard unsafe uname(&names) == 0 else { return ("", "") }
    // The kernel ends every name with a zero.
    let release = unsafe withUnsafeBytes(of: &names.release) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let machine = unsafe withUnsafeBytes(of: &names.machine) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return (release, machine)
  }

  /// As it lies in the file.
  var bytes: [UInt8] {
    var facts = ByteEncoder()
    facts.put(realTime)
    facts.put(monotonicTime)
    facts.put(pageSize)
    facts.put(text: tracer)
    facts.put(text: kernelRelease)
    facts.put(text: machine)
    var header = ByteEncoder()
    header.put(raw: FBTFormat.magic)
    header.put(major)
    header.put(minor)
    header.put(UInt32(facts.count))
    let checksum = Zlib.checksum(header.bytes, 0..<header.count)
    header.put(Zlib.checksum(facts.bytes, 0..<facts.count, continuing: checksum))
    header.put(raw: facts.bytes)
    return header.bytes
  }

  /// Takes the header from in front of a file that `read` reads on, and says how many bytes it has there: one of a
  /// younger minor version may have more than this type has facts for.
  init(reading read: (Int) throws(FBTError) -> [UInt8], size: inout Int) throws(FBTError) {
    let fixed = try read(FBTFormat.fixedHeaderBytes)
    guard fixed.starts(with: FBTFormat.magic) else { throw .notFBT }
    var decoder = ByteDecoder(fixed, at: FBTFormat.magic.count)
    do {
      let major: UInt16 = try decoder.take()
      let minor: UInt16 = try decoder.take()
      guard major == FBTFormat.major else { throw FBTError.unknownVersion(major: major) }
      let count: UInt32 = try decoder.take()
      let checksum: UInt32 = try decoder.take()
      guard count <= UInt32(FBTFormat.mostHeaderBytes) else { throw FBTError.damagedHeader }
      let facts = try read(Int(count))
      let start = Zlib.checksum(fixed, 0..<FBTFormat.fixedHeaderBytes - 4)
      guard facts.count == Int(count), Zlib.checksum(facts, 0..<facts.count, continuing: start) == checksum else {
        throw FBTError.damagedHeader
      }
      size = fixed.count + facts.count
      var rest = ByteDecoder(facts)
      realTime = try rest.take()
      monotonicTime = try rest.take()
      pageSize = try rest.take()
      tracer = try rest.text()
      kernelRelease = try rest.text()
      machine = try rest.text()
      self.major = major
      self.minor = minor
    } catch let error as FBTError {
      throw error
    } catch {
      throw .damagedHeader
    }
  }
}
