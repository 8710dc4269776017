// The program that is traced, and what can be seen of it from outside.
import ELFNotes
import Foundation

/// A process that works until `end`, and dies with this one: its standard input ends then.
final class SoakedProgram {
  let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(_ path: String, _ arguments: [String]) throws {
    process.executableURL = URL(filePath: path)
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    try process.run()
  }

  var id: Int32 { process.processIdentifier }

  /// Lets it come to its end, and returns what it says then.
  func end() -> String {
    try? input.fileHandleForWriting.close()
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return text.trimmingCharacters(in: .newlines)
  }

  /// How many semaphores of its probes are not 0.
  func raisedSemaphores() throws -> Int {
    let path = process.executableURL!.resolvingSymlinksInPath().path
    let maps = try String(contentsOfFile: "/proc/\(id)/maps", encoding: .utf8).split(separator: "\n")
    guard let memory = FileHandle(forReadingAtPath: "/proc/\(id)/mem") else {
      throw SoakError(description: "cannot read the program's memory")
    }
    var raised = 0
    for site in try ELFNotes.probeSites(inFile: path, provider: "fibril") {
      // "55e0a000-55e0b000 rw-p 00001000 fe:01 1234    /path"
      let places = maps.compactMap { line -> UInt64? in
        let fields = line.split(separator: " ")
        guard fields.count == 6, fields[1].hasPrefix("rw"), fields[5].elementsEqual(path) else { return nil }
        let bounds = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
        let offset = UInt64(fields[2], radix: 16)!
        guard site.semaphoreFileOffset >= offset, site.semaphoreFileOffset < offset + bounds[1] - bounds[0] else {
          return nil
        }
        return bounds[0] + site.semaphoreFileOffset - offset
      }
      guard places.count == 1 else { throw SoakError(description: "cannot find the semaphore of \(site.name)") }
      try memory.seek(toOffset: places[0])
      guard let bytes = try memory.read(upToCount: 2), bytes.count == 2 else {
        throw SoakError(description: "cannot read the semaphore of \(site.name)")
      }
      if bytes.contains(where: { $0 != 0 }) { raised += 1 }
    }
    return raised
  }
}

/// What this process holds.
struct Usage {
  var descriptors, mappings, residentBytes: Int

  static func now() -> Usage {
    let descriptors = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    let maps = (try? String(contentsOfFile: "/proc/self/maps", encoding: .utf8)) ?? ""
    // "SIZE RESIDENT ...", in pages.
    let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ") ?? []
    return Usage(
      descriptors: descriptors, mappings: maps.split(separator: "\n").count,
      residentBytes: (pages.count > 1 ? Int(pages[1]) ?? 0 : 0) * Int(getpagesize()))
  }
}
