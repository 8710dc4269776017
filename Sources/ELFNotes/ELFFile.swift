// An ELF file opened through libelf: its loaded segments, its sections and the notes in both.
//
// libelf reads by `pread` here (never by mapping: a file that shrinks meanwhile would raise SIGBUS)
// and checks every offset against the file's size; the limits below bound what a hostile file can
// make it allocate.
internal import CLibelf
internal import Glibc

/// One note, with its descriptor's place in the file.
struct Note {
  var name: [UInt8]
  var type: UInt32
  var descriptor: [UInt8]
  var descriptorFileOffset: UInt64
}

/// A program header, as far as it is used here.
struct Segment {
  var type, flags: UInt32
  var fileOffset, virtualAddress, fileBytes, memoryBytes: UInt64
  var alignment: UInt64
}

@safe struct ELFFile: ~Copyable {
  /// A segment or section of notes that is larger than this is not read.
  static let maximumNoteBytes: UInt64 = 16 << 20

  private static let isLibraryReady = elf_version(UInt32(EV_CURRENT)) != UInt32(EV_NONE)

  let path: String
  private let descriptor: Int32
  private let elf: OpaquePointer

  init(path: String) throws(ELFError) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .cannotOpen(path: path, errno: errno) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .notELF(path: path)
    }
    guard Self.isLibraryReady, let elf = unsafe elf_begin(descriptor, ELF_C_READ, nil) else {
      close(descriptor)
      throw .damaged(path: path, detail: Self.lastMessage())
    }
    var header = GElf_Ehdr()
    guard unsafe elf_kind(elf) == ELF_K_ELF, unsafe gelf_getclass(elf) == Int32(ELFCLASS64),
      unsafe gelf_getehdr(elf, &header) != nil, header.e_ident.5 == UInt8(ELFDATA2LSB)
    else {
      unsafe elf_end(elf)
      close(descriptor)
      throw .notELF(path: path)
    }
    self.path = path
    self.descriptor = descriptor
    unsafe self.elf = elf
  }

  deinit {
    unsafe elf_end(elf)
    close(descriptor)
  }

  private static func lastMessage() -> String {
    guard let text = unsafe elf_errmsg(-1) else { return "libelf gives no cause" }
    return unsafe String(cString: text)
  }

  /// ET_* and EM_*.
  func header() throws(ELFError) -> (type: UInt16, machine: UInt16) {
    var header = GElf_Ehdr()
    guard unsafe gelf_getehdr(elf, &header) != nil else { throw .damaged(path: path, detail: Self.lastMessage()) }
    return (header.e_type, header.e_machine)
  }

  func segments(limit: Int = Int(UInt16.max)) throws(ELFError) -> [Segment] {
    var count = 0
    guard unsafe elf_getphdrnum(elf, &count) == 0 else {
      throw .damaged(path: path, detail: Self.lastMessage())
    }
    var segments: [Segment] = []
    for index in 0..<min(count, limit) {
      var header = GElf_Phdr()
      guard unsafe gelf_getphdr(elf, Int32(index), &header) != nil else {
        throw .damaged(path: path, detail: Self.lastMessage())
      }
      segments.append(
        Segment(
          type: header.p_type, flags: header.p_flags, fileOffset: header.p_offset, virtualAddress: header.p_vaddr,
          fileBytes: header.p_filesz, memoryBytes: header.p_memsz, alignment: header.p_align))
    }
    return segments
  }

  /// The address of the first section with this name; nil if there is none.
  func sectionAddress(named name: String) -> UInt64? {
    guard let section = unsafe section(named: name) else { return nil }
    var header = GElf_Shdr()
    return unsafe gelf_getshdr(section, &header) == nil ? nil : header.sh_addr
  }

  /// The notes of the first section with this name; none if there is no such section.
  func notes(inSection name: String) throws(ELFError) -> [Note] {
    guard let section = unsafe section(named: name) else { return [] }
    var header = GElf_Shdr()
    guard unsafe gelf_getshdr(section, &header) != nil, header.sh_type == UInt32(SHT_NOTE),
      header.sh_size <= Self.maximumNoteBytes
    else { throw .damaged(path: path, detail: "section \(name) is not a sound section of notes") }
    guard let data = unsafe elf_getdata(section, nil) else {
      throw .damaged(path: path, detail: Self.lastMessage())
    }
    return unsafe notes(data, fileOffset: header.sh_offset)
  }

  /// The notes of a PT_NOTE segment.
  func notes(in segment: Segment, limit: UInt64 = maximumNoteBytes) throws(ELFError) -> [Note] {
    guard segment.fileBytes > 0 else { return [] }
    guard segment.fileBytes <= limit, let offset = Int64(exactly: segment.fileOffset),
      let data = unsafe elf_getdata_rawchunk(
        elf, offset, Int(segment.fileBytes), segment.alignment == 8 ? ELF_T_NHDR8 : ELF_T_NHDR)
    else { throw .damaged(path: path, detail: "a segment of notes lies outside the file") }
    return unsafe notes(data, fileOffset: segment.fileOffset)
  }

  /// The NUL-terminated text that a segment is, at most a path's length.
  func text(in segment: Segment) throws(ELFError) -> String {
    guard segment.fileBytes <= UInt64(PATH_MAX), let offset = Int64(exactly: segment.fileOffset),
      let data = unsafe elf_getdata_rawchunk(elf, offset, Int(segment.fileBytes), ELF_T_BYTE),
      let buffer = unsafe data.pointee.d_buf
    else { throw .damaged(path: path, detail: "a segment of text lies outside the file") }
    let bytes = unsafe UnsafeRawBufferPointer(start: buffer, count: data.pointee.d_size)
    return unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }

  private func section(named name: String) -> OpaquePointer? {
    var names = 0
    guard unsafe elf_getshdrstrndx(elf, &names) == 0 else { return nil }
    var section = unsafe elf_nextscn(elf, nil)
    while let current = unsafe section {
      var header = GElf_Shdr()
      if unsafe gelf_getshdr(current, &header) != nil,
        let text = unsafe elf_strptr(elf, names, Int(header.sh_name)), unsafe String(cString: text) == name
      {
        return unsafe current
      }
      unsafe section = unsafe elf_nextscn(elf, current)
    }
    return nil
  }

  /// Safe: `gelf_getnote` keeps names and descriptors inside the data, and the result is a copy.
  private func notes(_ data: UnsafeMutablePointer<Elf_Data>, fileOffset: UInt64) -> [Note] {
    guard let buffer = unsafe data.pointee.d_buf else { return [] }
    let bytes = unsafe UnsafeRawBufferPointer(start: buffer, count: data.pointee.d_size)
    var notes: [Note] = []
    var offset = 0
    while true {
      var header = GElf_Nhdr()
      var name = 0
      var descriptor = 0
      let next = unsafe gelf_getnote(data, offset, &header, &name, &descriptor)
      guard next > offset else { return notes }
      offset = next
      notes.append(
        Note(
          name: unsafe Array(bytes[name..<name + Int(header.n_namesz)].prefix { $0 != 0 }),
          type: header.n_type,
          descriptor: unsafe Array(bytes[descriptor..<descriptor + Int(header.n_descsz)]),
          descriptorFileOffset: fileOffset &+ UInt64(descriptor)))
    }
  }
}
