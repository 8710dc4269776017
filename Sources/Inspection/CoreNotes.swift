// What the notes of a core file say: threads with their registers, mapped files, the signal.
internal import ELFNotes

/// A thread as it was when its process was written down.
struct CoreThread {
  var threadID: UInt32
  var registers: ThreadRegisters
  /// The system call it was in.
  var call: ThreadCall?
}

/// A file that was mapped.
struct CoreMapping {
  var addresses: Range<UInt64>
  /// In bytes.
  var fileOffset: UInt64
  var path: String
}

struct CoreNotes {
  var threads: [CoreThread] = []
  var mappings: [CoreMapping] = []
  var processID: Int32 = 0
  var command = ""
  /// 0: nobody knows.
  var signal: Int32 = 0
  /// Where the memory access failed that ended the process.
  var faultAddress: UInt64?
  /// By AT_*.
  var auxiliary: [UInt64: UInt64] = [:]

  #if arch(x86_64)
    static let machine: UInt16 = 62  // EM_X86_64
    private static let registerWords = 27
  #else
    static let machine: UInt16 = 183  // EM_AARCH64
    private static let registerWords = 34
  #endif

  /// NT_FILE has no more entries than a process can have mappings, a few times over.
  private static let maximumMappings = 1 << 20

  init(_ notes: [CoreNote]) {
    for note in notes {
      switch (String(decoding: note.name, as: UTF8.self), note.type) {
      case ("CORE", 1): addThread(note.descriptor)  // NT_PRSTATUS
      case ("CORE", 3): addProcess(note.descriptor)  // NT_PRPSINFO
      case ("CORE", 6): addAuxiliary(note.descriptor)  // NT_AUXV
      case ("CORE", 0x5349_4749): addSignal(note.descriptor)  // NT_SIGINFO
      case ("CORE", 0x4649_4c45): addMappings(note.descriptor)  // NT_FILE
      default: break
      }
    }
  }

  /// struct elf_prstatus: the signal at 12, the thread's id at 32, the registers at 112.
  private mutating func addThread(_ bytes: [UInt8]) {
    guard bytes.count >= 112 + Self.registerWords * 8 else { return }
    let words = (0..<Self.registerWords).map { bytes.load(UInt64.self, at: 112 + $0 * 8) }
    let thread = bytes.load(UInt32.self, at: 32)
    // The thread whose signal it was comes first.
    if threads.isEmpty, signal == 0 { signal = Int32(bytes.load(Int16.self, at: 12)) }
    #if arch(x86_64)
      // The kernel's order, of struct user_regs_struct, to that of DWARF: rax rdx rcx rbx rsi rdi rbp rsp r8 to r15.
      let values = [10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0].map { words[$0] }
      let registers = ThreadRegisters(pc: words[16], stackPointer: words[19], values: values)
      // orig_rax: the number of the call, negative outside of calls.
      let number = Int64(bitPattern: words[15])
      let arguments = [14, 13, 12, 7, 9, 8].map { words[$0] }
      let call = number < 0 || number > 1 << 20 ? nil : ThreadCall(number: UInt32(number), arguments: arguments)
    #else
      let registers = ThreadRegisters(pc: words[32], stackPointer: words[31], values: Array(words[..<32]))
      let call: ThreadCall? = nil
    #endif
    threads.append(CoreThread(threadID: thread, registers: registers, call: call))
  }

  /// struct elf_prpsinfo: the process's id at 24, its name at 40.
  private mutating func addProcess(_ bytes: [UInt8]) {
    guard bytes.count >= 56 else { return }
    processID = bytes.load(Int32.self, at: 24)
    command = String(decoding: bytes[40..<56].prefix { $0 != 0 }, as: UTF8.self)
  }

  private mutating func addAuxiliary(_ bytes: [UInt8]) {
    for offset in stride(from: 0, to: bytes.count - 15, by: 16) {
      auxiliary[bytes.load(UInt64.self, at: offset)] = bytes.load(UInt64.self, at: offset + 8)
    }
  }

  /// siginfo_t: the signal, an errno, a code, and at 16 the address, of signals that have one.
  private mutating func addSignal(_ bytes: [UInt8]) {
    guard bytes.count >= 24 else { return }
    signal = bytes.load(Int32.self, at: 0)
    // SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV by the processor: sent ones have codes of 0 and below.
    let code = bytes.load(Int32.self, at: 8)
    if [4, 7, 8, 11].contains(signal), code > 0, code < 0x80 { faultAddress = bytes.load(UInt64.self, at: 16) }
  }

  /// A count, the size of a page, three words for each mapping (start, end, offset in pages), the names.
  private mutating func addMappings(_ bytes: [UInt8]) {
    guard bytes.count >= 16 else { return }
    let count = bytes.load(UInt64.self, at: 0)
    let pageBytes = bytes.load(UInt64.self, at: 8)
    guard count <= UInt64(Self.maximumMappings), Int(count) <= (bytes.count - 16) / 24 else { return }
    let names = bytes[(16 + Int(count) * 24)...].split(
      separator: 0, maxSplits: Int(count), omittingEmptySubsequences: false)
    for (index, name) in names.prefix(Int(count)).enumerated() {
      let place = 16 + index * 24
      let (start, end) = (bytes.load(UInt64.self, at: place), bytes.load(UInt64.self, at: place + 8))
      let (offset, overflow) = bytes.load(UInt64.self, at: place + 16).multipliedReportingOverflow(by: pageBytes)
      guard start < end, !overflow else { continue }
      mappings.append(
        CoreMapping(addresses: start..<end, fileOffset: offset, path: String(decoding: name, as: UTF8.self)))
    }
    mappings.sort { $0.addresses.lowerBound < $1.addresses.lowerBound }
  }
}
