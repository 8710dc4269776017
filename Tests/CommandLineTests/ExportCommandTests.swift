// `fibril export`: what it makes of whole, cut and damaged files, and of what is none. No rights are needed.
import CFibrilContract
import Foundation
import Testing
import TraceEvents

@Suite struct ExportCommandTests {
  /// A folder that is removed with it.
  private final class Folder {
    let path: String

    init() throws {
      let url = FileManager.default.temporaryDirectory.appending(path: "fibril-export-\(UUID().uuidString)")
      try FileManager.default.createDirectory(at: url, withIntermediateDirectories: false)
      path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ bytes: [UInt8], _ name: String) throws -> String {
      try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"))
      return "\(path)/\(name)"
    }

    func text(_ name: String) throws -> String { try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
  }

  /// Two processes of one task each, which switches `switches` times; and where each chunk ends.
  private static func recording(switches: Int = 3, isFinished: Bool = true) throws -> (bytes: [UInt8], ends: [Int]) {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    var writer = try FBTWriter(header: .now(tracer: "0.1.0")) {
      bytes += $0
      ends.append(bytes.count)
    }
    for (index, process) in [Int32(4711), 4712].enumerated() {
      try writer.begin(
        RecordedProcess(index: index, processID: process, command: "server", clock: .monotonic, begin: 1000))
      let records = (0..<switches).map { number in
        fibril_record(
          time: UInt64(2000 + 10 * number + index), fibril: UInt64(number % 2 + 1), arg: UInt64(2 - number % 2),
          kind: UInt16(FIBRIL_RECORD_SWITCH.rawValue), number16: UInt16(number), arg32: 1)
      }
      try unsafe writer.take(records: records.span.bytes, of: 1, from: 0, of: index)
    }
    try writer.mark(3000)
    if isFinished { try writer.finish(at: 4000) }
    return (bytes, ends)
  }

  @Test(arguments: [
    [], ["x.fbt"], ["x.fbt", "-o", "x.txt"], ["x.fbt", "-o", "x.pftrace"],
    ["x.fbt", "-o", "x.json", "--format", "xml"],
  ])
  func wrongUsageIs64(arguments: [String]) throws {
    let run = try Run("fibril", ["export"] + arguments)
    #expect(run.status == 64 && run.output == "" && run.errors.contains("--help' for more information"))
  }

  @Test func theEndingChoosesTheFormat() throws {
    let folder = try Folder()
    let file = try folder.write(Self.recording().bytes, "a.fbt")
    let json = try Run("fibril", ["export", file, "-o", "\(folder.path)/a.json"])
    #expect(json.status == 0 && json.output == "")
    #expect(json.errors == "fibril: wrote \(folder.path)/a.json: 6 events, 0 lost, of 2 processes\n")
    let events = try #require(
      try JSONSerialization.jsonObject(with: Data(folder.text("a.json").utf8)) as? [[String: Any]])
    #expect(events.count { $0["name"] as? String == "process_name" } == 4)
    let csv = try Run("fibril", ["export", file, "-o", "\(folder.path)/a.csv"])
    #expect(csv.status == 0)
    let rows = try folder.text("a.csv").split(separator: "\n")
    #expect(
      rows.dropFirst() == [
        "2000,0,4711,1,0,switch,1,2,,runnable,,,,", "2001,1,4712,1,0,switch,1,2,,runnable,,,,",
        "2010,0,4711,1,1,switch,2,1,,runnable,,,,", "2011,1,4712,1,1,switch,2,1,,runnable,,,,",
        "2020,0,4711,1,2,switch,1,2,,runnable,,,,", "2021,1,4712,1,2,switch,1,2,,runnable,,,,",
      ])
  }

  @Test func standardOutputIsChromeUnlessSaidOtherwise() throws {
    let folder = try Folder()
    let file = try folder.write(Self.recording().bytes, "a.fbt")
    let json = try Run("fibril", ["export", file, "-o", "-"])
    #expect(json.status == 0 && json.errors == "" && json.output.hasPrefix("[\n{\"ph\":\"M\""))
    let csv = try Run("fibril", ["export", file, "-o", "-", "--format", "csv"])
    #expect(csv.status == 0 && csv.errors == "" && csv.output.hasPrefix("time_ns,"))
    #expect(csv.output.split(separator: "\n").count == 7)
  }

  @Test func aCutFileIsConvertedUpToItsEnd() throws {
    let folder = try Folder()
    let (bytes, ends) = try Self.recording()
    // In the middle of the last chunk; before it, as after SIGKILL between two chunks; and before the mark.
    for (length, end) in [(bytes.count - 1, ends[ends.count - 2]), (ends[ends.count - 2], ends[ends.count - 2])] {
      let file = try folder.write(Array(bytes[..<length]), "cut.fbt")
      let run = try Run("fibril", ["export", file, "-o", "-", "--format", "csv"])
      let broken = length == end ? "" : ", a piece of \(length - end) bytes behind it is not whole"
      #expect(
        run.errors == """
          fibril: \(file) has no end, as when its tracer is killed or the disk is full: all that was recorded up to byte \
          \(end) has been converted\(broken)

          """)
      #expect(run.status == 0 && run.output.split(separator: "\n").count == 7)
    }
  }

  @Test func aDamagedFileIsConvertedUpToThere() throws {
    let folder = try Folder()
    var (bytes, ends) = try Self.recording()
    bytes[ends[ends.count - 2] + 12] ^= 1
    let file = try folder.write(bytes, "damaged.fbt")
    let run = try Run("fibril", ["export", file, "-o", "-", "--format", "csv"])
    #expect(
      run.errors == """
        fibril: \(file) is damaged at byte \(ends[ends.count - 2]): a chunk's checksum is wrong; what comes before has \
        been converted

        """)
    #expect(run.status == 1 && run.output.split(separator: "\n").count == 7)
  }

  @Test func whatIsNoRecordingIsRefused() throws {
    let folder = try Folder()
    func refusal(_ file: String) throws -> String {
      let run = try Run("fibril", ["export", file, "-o", "\(folder.path)/out.json"])
      #expect(run.status == 1 && run.output == "")
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/out.json"))
      return run.errors
    }
    let missing = "\(folder.path)/missing.fbt"
    #expect(try refusal(missing) == "fibril: cannot export \(missing): No such file or directory\n")
    #expect(try refusal(folder.path) == "fibril: cannot export \(folder.path): Is a directory\n")
    let text = try folder.write(Array("[]".utf8), "text.fbt")
    #expect(
      try refusal(text)
        == "fibril: cannot export \(text): it is no .fbt file; `fibril trace -o FILE.fbt` writes one\n")
    var bytes = try Self.recording().bytes
    bytes[8] = 2
    let newer = try folder.write(bytes, "newer.fbt")
    #expect(
      try refusal(newer) == """
        fibril: cannot export \(newer): it has version 2 of the .fbt format, and this program knows version 1; use the \
        fibril that wrote it, or a newer one

        """)
    let cut = try folder.write(Array(Self.recording().bytes[..<30]), "header.fbt")
    #expect(try refusal(cut).contains("its header is damaged or cut"))
  }

  @Test func aFileIsNotConvertedToItself() throws {
    let folder = try Folder()
    let bytes = try Self.recording().bytes
    let file = try folder.write(bytes, "a.fbt")
    let run = try Run("fibril", ["export", file, "-o", file, "--format", "csv"])
    #expect(run.status == 1 && run.errors.contains("to itself"))
    #expect(try Data(contentsOf: URL(filePath: file)) == Data(bytes))
  }

  @Test func aFullDiskIsSaid() throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let folder = try Folder()
    let file = try folder.write(Self.recording(switches: 20_000).bytes, "a.fbt")
    let run = try Run("fibril", ["export", file, "-o", "/dev/full", "--format", "csv"])
    #expect(run.status == 1)
    #expect(run.errors.hasPrefix("fibril: cannot write /dev/full: No space left on device"))
  }
}
