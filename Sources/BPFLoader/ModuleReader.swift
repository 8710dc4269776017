// What a process has mapped for execution, with build ids, so that addresses can be named later and elsewhere.
internal import ELFNotes
public import TraceEvents

/// Reads a process's modules, and again when that is cheap.
public struct ModuleReader {
  private var latest: [RecordedModule] = []
  private var nextReading: UInt64 = 0

  /// A reader that has read nothing.
  public init() {}

  /// Files mapped into one process beyond this are left out.
  private static let most = 4096

  /// The modules if they are others than when they were last asked for.
  ///
  /// The kernel holds up the process's own mapping calls meanwhile: it takes no more than a hundredth of the
  /// time, and comes once a second at most.
  public mutating func changes(of process: ProcessFolder) -> [RecordedModule]? {
    let start = ClockPair.now().nanoseconds
    guard start >= nextReading else { return nil }
    let modules = read(process)
    let end = ClockPair.now().nanoseconds
    nextReading = end + max(1_000_000_000, 100 * (end - start))
    guard !modules.isEmpty, modules != latest else { return nil }
    latest = modules
    return modules
  }

  private func read(_ process: ProcessFolder) -> [RecordedModule] {
    guard let maps = contentsOfProcFile(process.path + "/maps", limit: 1 << 26) else { return [] }
    var modules: [RecordedModule] = []
    for mapping in maps.split(separator: "\n").lazy.compactMap({ ExecutableMapping($0) }) {
      guard modules.count < Self.most, let addresses = mapping.addresses, let offset = UInt64(mapping.offset, radix: 16)
      else { continue }
      let path = String(mapping.path)
      let known = latest.first { $0.addresses == addresses && $0.path == path }?.buildID
      let buildID = known ?? mapping.openablePath(in: process).flatMap { try? ELFNotes.buildID(inFile: $0) } ?? []
      modules.append(RecordedModule(addresses: addresses, fileOffset: offset, path: path, buildID: buildID))
    }
    return modules
  }
}

extension ExecutableMapping {
  var addresses: Range<UInt64>? {
    let ends = range.split(separator: "-").compactMap { UInt64($0, radix: 16) }
    return ends.count == 2 && ends[0] < ends[1] ? ends[0]..<ends[1] : nil
  }
}
