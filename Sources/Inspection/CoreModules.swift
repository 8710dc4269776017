// The files whose code a process had mapped, for a core file: where each is to be had today, if it still
// is the same.
internal import ELFNotes

struct CoreModules {
  /// With an empty `file` where nobody has it.
  private(set) var modules: [Module] = []
  /// What is missing, a sentence each.
  private(set) var problems: [String] = []
  /// By the file's name in the core file.
  private var files: [String: OpenFile] = [:]
  /// Files that are used although nobody can tell whether they are the ones that were mapped.
  private var unchecked = 0

  /// `notes.mappings` are in the order of their addresses. `program`, if given, stands for the main
  /// program. Throws `CoreError` if it is another one.
  init(
    _ notes: CoreNotes, _ segments: [CoreSegment], _ memory: CoreMemory, core: String, program: String?
  ) throws(CoreError) {
    let sorted = segments.sorted { $0.address < $1.address }
    let code = sorted.filter(\.isExecutable)
    func isCovered(_ addresses: Range<UInt64>, by segments: [CoreSegment]) -> Bool {
      let index = segments.partitioningIndex { $0.address &+ $0.memoryBytes > addresses.lowerBound }
      return index < segments.count && segments[index].address < addresses.upperBound
    }
    /// Whether it holds code; nil if no segment says what it is: debuggers leave files out.
    func holdsCode(_ addresses: Range<UInt64>) -> Bool? {
      isCovered(addresses, by: code) ? true : isCovered(addresses, by: sorted) ? false : nil
    }
    var found: [Module] = []
    var last: [String: Int] = [:]
    var hasCode: Set<Int> = []
    var mayHaveCode: Set<Int> = []
    for mapping in notes.mappings {
      let known = last[mapping.path]
      if mapping.fileOffset == 0, known == nil || hasCode.contains(known!) {
        last[mapping.path] = found.count
        found.append(
          Module(
            name: mapping.path, file: "", base: mapping.addresses.lowerBound, identity: mapping.path,
            addresses: mapping.addresses))
      }
      guard let index = last[mapping.path] else { continue }
      found[index].addresses = found[index].addresses.lowerBound..<mapping.addresses.upperBound
      switch holdsCode(mapping.addresses) {
      case true?: hasCode.insert(index)
      case false?: break
      case nil: mayHaveCode.insert(index)
      }
    }
    for index in mayHaveCode where (try? ELFNotes.imageBase(inFile: found[index].name)) ?? nil != nil {
      hasCode.insert(index)
    }
    modules = found.indices.filter { hasCode.contains($0) }.map { found[$0] }
    // AT_ENTRY lies in the main program.
    let entry = notes.auxiliary[9] ?? 0
    let main = modules.firstIndex { $0.addresses.contains(entry) } ?? 0
    for index in modules.indices {
      let image = ModuleImage(of: modules[index].addresses, memory)
      if index == main, let program {
        let isSame = image?.isBeginning(ofFile: program)
        if isSame == false {
          throw .otherProgram(
            path: core, program: program, detail: "it is not the file that \(modules[index].name) was")
        }
        if OpenFile(program) == nil {
          throw .otherProgram(path: core, program: program, detail: "it cannot be read")
        }
        if isSame == nil { unchecked += 1 }
        modules[index].file = program
      } else {
        find(index, image, isMain: index == main)
      }
    }
    if unchecked > 0 {
      problems.append(
        """
        the core file does not hold the beginnings of \(unchecked) of \(modules.count) files that were mapped: whether \
        they are the same by now nobody can tell, and functions' names are wrong if they are not
        """)
    }
  }

  private mutating func find(_ index: Int, _ image: ModuleImage?, isMain: Bool) {
    let name = modules[index].name
    let remedy = isMain ? "; name it with --exe" : ""
    let isSame = image?.isBeginning(ofFile: name)
    if OpenFile(name) == nil {
      problems.append("\(name) is not to be had: its functions have no names, and their rules are not known\(remedy)")
    } else if isSame == false {
      problems.append("\(name) is another file by now and is not used\(remedy)")
    } else {
      if isSame == nil { unchecked += 1 }
      modules[index].file = name
    }
  }

  /// Adds what was mapped of sound files, for pages that are not in the core file.
  mutating func addFiles(_ notes: CoreNotes, _ segments: [CoreSegment], to memory: inout CoreMemory) {
    let sound = Dictionary(modules.filter { $0.file != "" }.map { ($0.name, $0.file) }) { first, _ in first }
    let starts = segments.sorted { $0.address < $1.address }
    for mapping in notes.mappings {
      guard let path = sound[mapping.path], let file = files[path] ?? OpenFile(path) else { continue }
      files[path] = file
      // The segment's own bytes come first.
      var address = mapping.addresses.lowerBound
      if let segment = Self.segment(at: address, starts) {
        address = max(address, segment.address &+ segment.fileBytes)
      }
      guard address < mapping.addresses.upperBound else { continue }
      memory.add(
        address, mapping.addresses.upperBound - address, file,
        at: mapping.fileOffset &+ (address - mapping.addresses.lowerBound))
    }
  }

  private static func segment(at address: UInt64, _ segments: [CoreSegment]) -> CoreSegment? {
    let low = segments.partitioningIndex { $0.address > address }
    guard low > 0, address - segments[low - 1].address < segments[low - 1].memoryBytes else { return nil }
    return segments[low - 1]
  }
}

extension Array {
  /// The first element that is in the second part, in an array that has those that are not before them.
  func partitioningIndex(_ isInSecondPart: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if isInSecondPart(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
