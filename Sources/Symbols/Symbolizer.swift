// The modules of one process through libdw: symbols, source lines and unwind rules by address.
internal import CLibdw
internal import Glibc

/// One file whose code a process runs.
public struct SymbolModule: Sendable {
  /// A file by its path, or an open one.
  public enum Source: Sendable {
    case file(String)
    /// An open file without a name, such as a copy of the vdso. The symbolizer closes it.
    case descriptor(Int32)
  }

  /// What it is called, such as `/usr/lib/libc.so.6` or `[vdso]`.
  public var name: String
  /// Where its bytes are to be had.
  public var source: Source
  /// Where its first byte lies in the process.
  public var base: UInt64
  /// From its first byte in the process to behind its last.
  public var addresses: Range<UInt64>

  /// A module that lies at `base`.
  public init(name: String, source: Source, base: UInt64, addresses: Range<UInt64>) {
    self.name = name
    self.source = source
    self.base = base
    self.addresses = addresses
  }
}

/// A function that holds an address.
public struct Symbol: Equatable, Sendable {
  /// Readable: Swift and C++ names are demangled, in short.
  public var name: String
  public var address, size: UInt64
}

/// A line of source code.
public struct SourceLine: Equatable, Sendable {
  /// The file's name without its folders.
  public var file: String
  /// From 1.
  public var line: Int
}

/// Answers questions about the code of one process. Not for use by several threads at once.
///
/// Files that cannot be read or make no sense have no symbols and no rules; nothing throws.
@safe public final class Symbolizer {
  private let session: OpaquePointer
  private let callbacks: UnsafeMutablePointer<Dwfl_Callbacks>
  private var rows: [UInt64: UnwindRow?] = [:]
  private var symbols: [UInt64: Symbol?] = [:]
  /// By the module's address in libdw.
  private var lines: [UInt: LineTable] = [:]

  /// Opens the modules' files; their symbols are read when they are first asked for.
  public init(modules: [SymbolModule]) {
    unsafe callbacks = .allocate(capacity: 1)
    unsafe callbacks.initialize(to: Dwfl_Callbacks())
    unsafe callbacks.pointee.find_elf = dwfl_linux_proc_find_elf
    unsafe callbacks.pointee.find_debuginfo = dwfl_standard_find_debuginfo
    unsafe session = dwfl_begin(callbacks)
    unsafe dwfl_report_begin(session)
    for module in modules { report(module) }
    unsafe dwfl_report_end(session, nil, nil)
  }

  deinit {
    unsafe dwfl_end(session)
    unsafe callbacks.deallocate()
  }

  private func report(_ module: SymbolModule) {
    switch module.source {
    case .file(let path):
      unsafe dwfl_report_elf(session, module.name, path, -1, module.base, false)
    case .descriptor(let descriptor):
      // The library takes the descriptor over if it takes the file.
      let taken = unsafe dwfl_report_elf(session, module.name, module.name, descriptor, module.base, false)
      if unsafe taken == nil { close(descriptor) }
    }
  }

  /// The function that an address lies in. libdw searches all of a module's symbols for each answer,
  /// so answers are kept.
  public func symbol(at address: UInt64) -> Symbol? {
    if let known = symbols[address] { return known }
    let symbol = search(address)
    symbols[address] = .some(symbol)
    return symbol
  }

  private func search(_ address: UInt64) -> Symbol? {
    guard let module = unsafe dwfl_addrmodule(session, address) else { return nil }
    var offset: UInt64 = 0
    var symbol = GElf_Sym()
    guard let name = unsafe dwfl_module_addrinfo(module, address, &offset, &symbol, nil, nil, nil) else { return nil }
    return Symbol(
      name: Demangling.readable(unsafe String(cString: name)), address: address &- offset, size: symbol.st_size)
  }

  /// The last part of the name of the module that an address lies in, and the address's place in it.
  public func module(at address: UInt64) -> (name: String, offset: UInt64)? {
    guard let module = unsafe dwfl_addrmodule(session, address) else { return nil }
    var start: UInt64 = 0
    guard let name = unsafe dwfl_module_info(module, nil, &start, nil, nil, nil, nil, nil) else { return nil }
    return (lastPart(of: unsafe String(cString: name)), address &- start)
  }

  /// The source line of an address, where there is debug information.
  public func line(at address: UInt64) -> SourceLine? {
    guard let module = unsafe dwfl_addrmodule(session, address) else { return nil }
    let key = UInt(bitPattern: module)
    if let table = lines[key] { return table.line(at: address) }
    let table = unsafe LineTable(module: module)
    lines[key] = table
    return table.line(at: address)
  }

  /// The unwind rules that hold at an address. libdw is asked once an address.
  public func row(at address: UInt64) -> UnwindRow? {
    if let known = rows[address] { return known }
    var row: UnwindRow?
    if let module = unsafe dwfl_addrmodule(session, address) {
      var bias: UInt64 = 0
      if let rules = unsafe dwfl_module_eh_cfi(module, &bias) {
        row = unsafe CallFrameInformation.row(rules, at: address &- bias)
      }
      if row == nil, let rules = unsafe dwfl_module_dwarf_cfi(module, &bias) {
        row = unsafe CallFrameInformation.row(rules, at: address &- bias)
      }
    }
    rows[address] = .some(row)
    return row
  }
}
