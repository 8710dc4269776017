// The two kinds of notes the tracer looks for in a binary: its probe sites, and the way to its
// fibril table.
internal import CLibelf

/// One place in a file where a probe fires.
public struct ProbeSite: Equatable, Sendable {
  public var provider, name: String
  /// Where the probe's instruction lies in the file.
  public var fileOffset: UInt64
  /// Where the 16-bit count of its listeners lies in the file; 0: it has none.
  public var semaphoreFileOffset: UInt64
  /// The arguments in SystemTap's notation, such as `8@%rdi 8@%rsi`.
  public var arguments: String

  /// A site made by hand, for tests and other readers of notes.
  public init(provider: String, name: String, fileOffset: UInt64, semaphoreFileOffset: UInt64, arguments: String) {
    self.provider = provider
    self.name = name
    self.fileOffset = fileOffset
    self.semaphoreFileOffset = semaphoreFileOffset
    self.arguments = arguments
  }
}

/// Reads notes from ELF files, which may be hostile.
public enum ELFNotes {
  /// The sites of `provider`'s probes in a file, in the order of its notes; none if it has none.
  ///
  /// Sites that the linker dropped, whose instruction lies in no code of the file, or whose semaphore in none of its
  /// variables, are left out. Throws `ELFError` where a probe has none but of the last two kinds, or the file cannot be
  /// read or is no sound 64-bit ELF file.
  public static func probeSites(inFile path: String, provider: String) throws(ELFError) -> [ProbeSite] {
    let file = try ELFFile(path: path)
    let notes = try file.notes(inSection: ".note.stapsdt")
    guard !notes.isEmpty else { return [] }
    let segments = try file.segments()
    let base = file.sectionAddress(named: ".stapsdt.base")
    var unsound: [String] = []
    let sites = notes.compactMap { note -> ProbeSite? in
      // Three addresses (site, base as linked, semaphore), then three NUL-terminated texts.
      guard note.name == Array("stapsdt".utf8), note.type == 3, note.descriptor.count > 24 else { return nil }
      let texts = note.descriptor[24...].split(separator: 0, omittingEmptySubsequences: false)
      guard texts.count >= 3, texts[0].elementsEqual(provider.utf8) else { return nil }
      // Prelink moves sections and not the notes: what it moved is the base's distance.
      let linkedBase = note.word(at: 8)
      let moved = base.map { linkedBase == 0 ? 0 : $0 &- linkedBase } ?? 0
      let name = String(decoding: texts[1], as: UTF8.self)
      let semaphore = note.word(at: 16)
      // The kernel would also write its breakpoint into variables.
      guard let site = fileOffset(note.word(at: 0) &+ moved, bytes: 1, segments, PF_X),
        let semaphoreOffset = semaphore == 0 ? 0 : fileOffset(semaphore &+ moved, bytes: 2, segments, PF_W)
      else {
        if note.word(at: 0) != 0 { unsound.append(name) }
        return nil
      }
      return ProbeSite(
        provider: provider, name: name, fileOffset: site, semaphoreFileOffset: semaphoreOffset,
        arguments: String(decoding: texts[2], as: UTF8.self))
    }
    if let name = unsound.first(where: { name in !sites.contains { $0.name == name } }) {
      throw .unsoundProbe(path: path, name: name)
    }
    return sites
  }

  /// The virtual address, as linked, of a module's `struct fibril_root`; nil if it holds no runtime.
  ///
  /// It needs program headers only, so stripped files will do. Throws `ELFError` where the file
  /// cannot be read or is no sound 64-bit ELF file.
  public static func tableNote(inFile path: String) throws(ELFError) -> UInt64? {
    let file = try ELFFile(path: path)
    for segment in try file.segments() where segment.type == UInt32(PT_NOTE) {
      for note in try file.notes(in: segment)
      where note.name == Array("Fibril".utf8) && note.type == 1 && note.descriptor.count >= 8 {
        let descriptor = segment.virtualAddress &+ (note.descriptorFileOffset &- segment.fileOffset)
        return descriptor &+ note.word(at: 0)
      }
    }
    return nil
  }

  /// The file's build id; nil if it has none. Throws `ELFError` where the file cannot be read or is no sound
  /// 64-bit ELF file.
  public static func buildID(inFile path: String) throws(ELFError) -> [UInt8]? {
    let file = try ELFFile(path: path)
    for segment in try file.segments() where segment.type == UInt32(PT_NOTE) {
      for note in try file.notes(in: segment) where note.name == Array("GNU".utf8) && note.type == 3 {
        return note.descriptor
      }
    }
    return nil
  }

  /// The loader that a program names, by its path; nil if it names none.
  ///
  /// Throws `ELFError` where the file cannot be read or is no sound 64-bit ELF file.
  public static func interpreter(inFile path: String) throws(ELFError) -> String? {
    let file = try ELFFile(path: path)
    guard let segment = try file.segments().first(where: { $0.type == UInt32(PT_INTERP) }) else { return nil }
    return try file.text(in: segment)
  }

  /// The virtual address, as linked, that the file's first byte has or would have; nil if nothing of
  /// the file is loaded. What a process adds to all addresses is the difference to where it lies.
  ///
  /// Throws `ELFError` where the file cannot be read or is no sound 64-bit ELF file.
  public static func imageBase(inFile path: String) throws(ELFError) -> UInt64? {
    let first = try ELFFile(path: path).segments().first { $0.type == UInt32(PT_LOAD) }
    return first.map { $0.virtualAddress &- $0.fileOffset }
  }

  /// Where `bytes` bytes lie in the file whose segment has this right.
  private static func fileOffset(_ address: UInt64, bytes: UInt64, _ segments: [Segment], _ right: Int32) -> UInt64? {
    for segment in segments where segment.type == UInt32(PT_LOAD) && address >= segment.virtualAddress {
      let distance = address - segment.virtualAddress
      guard distance < segment.fileBytes, segment.fileBytes - distance >= bytes else { continue }
      return segment.flags & UInt32(bitPattern: right) == 0 ? nil : segment.fileOffset &+ distance
    }
    return nil
  }
}

extension Note {
  /// The little-endian 64-bit word at a byte offset that lies inside the descriptor.
  fileprivate func word(at offset: Int) -> UInt64 {
    (0..<8).reduce(0) { $0 | UInt64(descriptor[offset + $1]) << (8 * UInt64($1)) }
  }
}
