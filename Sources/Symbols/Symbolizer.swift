// The modules of one process through libdw: symbols, source lines and unwind rules by address.
internal import CLibdw
internal import Glibc

/// Answers questions about the code of one process. Not for use by several threads at once.
///
/// Files that cannot be read or make no sense have no symbols and no rules; nothing throws.
@safe public final class Symbolizer {
  private let session: OpaquePointer
  private let callbacks: UnsafeMutablePointer<Dwfl_Callbacks>
  /// By address.
  private let modules: [SymbolModule]
  /// libdw holds their addresses.
  private var searches: [DebugFileSearch] = []
  private let server: DebugServer?
  private let generatedCode: () -> PerfMap?
  private lazy var perfMap = generatedCode()
  private var rows: [UInt64: UnwindRow?] = [:]
  private var symbols: [UInt64: Symbol?] = [:]
  /// By the module's address in libdw.
  private var lines: [UInt: LineTable] = [:]

  /// Opens the modules' files; their symbols are read when they are first asked for.
  ///
  /// `generatedCode` is asked, once, for the names of code that lies in no module. `notice` is told what
  /// takes long, such as fetching a file, and what was refused, a sentence each.
  public init(
    modules: [SymbolModule], generatedCode: @escaping () -> PerfMap? = { nil },
    notice: @escaping (String) -> Void = { _ in }
  ) {
    self.modules = modules.sorted { $0.addresses.lowerBound < $1.addresses.lowerBound }
    self.generatedCode = generatedCode
    unsafe callbacks = .allocate(capacity: 1)
    unsafe callbacks.initialize(to: Dwfl_Callbacks())
    unsafe callbacks.pointee.find_elf = dwfl_linux_proc_find_elf
    unsafe callbacks.pointee.find_debuginfo = DebugFileSearch.callback
    unsafe session = dwfl_begin(callbacks)
    server = unsafe DebugServer(session, notice)
    unsafe dwfl_report_begin(session)
    for module in self.modules { report(module, notice) }
    unsafe dwfl_report_end(session, nil, nil)
  }

  deinit {
    unsafe dwfl_end(session)
    unsafe callbacks.deallocate()
  }

  private func report(_ module: SymbolModule, _ notice: @escaping (String) -> Void) {
    let taken: OpaquePointer?
    switch module.source {
    case .none: return
    case .file(let path):
      unsafe taken = dwfl_report_elf(session, module.name, path, -1, module.base, false)
    case .descriptor(let descriptor):
      // The library takes the descriptor over if it takes the file.
      unsafe taken = dwfl_report_elf(session, module.name, module.name, descriptor, module.base, false)
      if unsafe taken == nil { close(descriptor) }
    }
    var own: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    guard let taken = unsafe taken, unsafe dwfl_module_info(taken, &own, nil, nil, nil, nil, nil, nil) != nil else {
      return
    }
    let search = DebugFileSearch(module, server, notice)
    searches.append(search)
    // Safe: `searches` keeps it for as long as the session lasts.
    unsafe own?.pointee = Unmanaged.passUnretained(search).toOpaque()
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
    guard let module = unsafe dwfl_addrmodule(session, address) else {
      return reported(at: address) == nil ? perfMap?.symbol(at: address) : nil
    }
    var offset: UInt64 = 0
    var symbol = GElf_Sym()
    guard let name = unsafe dwfl_module_addrinfo(module, address, &offset, &symbol, nil, nil, nil) else { return nil }
    return Symbol(linkageName: unsafe String(cString: name), address: address &- offset, size: symbol.st_size)
  }

  /// The last part of the name of the module that an address lies in, and the address's place in it. Code
  /// that was named by the process itself lies in its list of such names.
  public func module(at address: UInt64) -> (name: String, offset: UInt64)? {
    if let module = reported(at: address) { return (lastPart(of: module.name), address &- module.base) }
    guard let perfMap, perfMap.symbol(at: address) != nil else { return nil }
    return (perfMap.name, address)
  }

  private func reported(at address: UInt64) -> SymbolModule? {
    var low = 0
    var high = modules.count
    while low < high {
      let middle = (low + high) / 2
      if modules[middle].addresses.upperBound <= address { low = middle + 1 } else { high = middle }
    }
    return low < modules.count && modules[low].addresses.contains(address) ? modules[low] : nil
  }

  /// The source line that is under way at an address, where there is debug information.
  public func line(at address: UInt64) -> SourceLine? {
    guard let place = place(at: address) else { return nil }
    return place.inlined.first?.line ?? place.line
  }

  /// The source line and the inlined calls at an address; nil where there is no debug information.
  public func place(at address: UInt64) -> SourcePlace? {
    guard let module = unsafe dwfl_addrmodule(session, address) else { return nil }
    let key = UInt(bitPattern: module)
    return unsafe lines[key, default: LineTable(module: module)].place(at: address)
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
