// Where the debug information of a stripped file is: in a folder of build ids, beside the file under the
// name that .gnu_debuglink has, or on a debuginfod server. Only a file with the same build id (the same
// checksum, where there is none) is taken.
internal import CLibdw
internal import Glibc

/// Looks for the debug file of one module.
@safe final class DebugFileSearch {
  private let module: SymbolModule
  private let server: DebugServer?
  private let notice: (String) -> Void
  /// By path, so that it is said once.
  private var refused: Set<String> = []
  /// The library is being asked what it has, and asks back.
  private var isAsking = false

  private struct SharedFile {
    var name: String
    var buildID: [UInt8]
  }

  init(_ module: SymbolModule, _ server: DebugServer?, _ notice: @escaping (String) -> Void) {
    self.module = module
    self.server = server
    self.notice = notice
  }

  /// What libdw calls when a module has no debug information of its own. Returns an open file or -1.
  static let callback:
    @convention(c) (
      OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafePointer<CChar>?, Dwarf_Addr,
      UnsafePointer<CChar>?, UnsafePointer<CChar>?, GElf_Word, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    ) -> Int32 = { libraryModule, own, name, base, file, link, checksum, path in
      // Safe: the symbolizer put the search's address there and keeps it.
      guard let own = unsafe own?.pointee, let libraryModule = unsafe libraryModule else { return -1 }
      let search = unsafe Unmanaged<DebugFileSearch>.fromOpaque(own).takeUnretainedValue()
      let linkName = unsafe link.map { unsafe String(cString: $0) }
      guard !search.isAsking else { return -1 }
      let shared = unsafe linkName != nil && checksum == 0 ? search.sharedFile(of: libraryModule) : nil
      let found =
        if let shared {
          search.find(shared.buildID, search.candidates(shared), checksum)
        } else {
          search.find(unsafe buildID(of: libraryModule), linkName, checksum)
        }
      if let found {
        unsafe path?.pointee = strdup(found.path)
        return found.descriptor
      }
      guard let server = search.server else { return -1 }
      return server.asking(for: search.module.name) {
        // Without names the library asks nobody but the server.
        unsafe dwfl_standard_find_debuginfo(libraryModule, nil, name, base, nil, nil, 0, path)
      }
    }

  private static func buildID(of module: OpaquePointer) -> [UInt8] {
    var bytes: UnsafePointer<UInt8>?
    var address: UInt64 = 0
    let count = unsafe dwfl_module_build_id(module, &bytes, &address)
    // Safe: the library says how many bytes there are.
    return unsafe count > 0 ? Array(UnsafeBufferPointer(start: bytes, count: Int(count))) : []
  }

  /// What a module that has its debug information asks for, without a checksum: the file in which dwz put what
  /// several have in common. nil: the module has none yet, and asks for that.
  private func sharedFile(of module: OpaquePointer) -> SharedFile? {
    isAsking = true
    defer { isAsking = false }
    var bias: UInt64 = 0
    var name: UnsafePointer<CChar>?
    var bytes: UnsafeRawPointer?
    guard let information = unsafe dwfl_module_getdwarf(module, &bias) else { return nil }
    let count = unsafe dwelf_dwarf_gnu_debugaltlink(information, &name, &bytes)
    guard count > 0, let name = unsafe name else { return nil }
    // Safe: the library says how many bytes there are.
    return SharedFile(
      name: unsafe String(cString: name),
      buildID: unsafe Array(UnsafeRawBufferPointer(start: bytes, count: Int(count))))
  }

  private func candidates(_ shared: SharedFile) -> [String] {
    var paths = [Self.path(ofBuildID: shared.buildID)].compactMap { $0 }
    if shared.name.hasPrefix("/") {
      paths.append(shared.name)
    } else if let folder = shared.name.firstRange(of: ".dwz/") {
      // It begins at the debug file, whose folder lies somewhere in this one.
      paths.append("/usr/lib/debug/.dwz/\(shared.name[folder.upperBound...])")
    }
    return module.roots.flatMap { root in paths.filter { !$0.contains("/../") }.map { root + $0 } }
  }

  private func find(_ buildID: [UInt8], _ link: String?, _ checksum: UInt32) -> (descriptor: Int32, path: String)? {
    find(buildID, candidates(buildID, link), checksum)
  }

  private func find(_ buildID: [UInt8], _ paths: [String], _ checksum: UInt32) -> (descriptor: Int32, path: String)? {
    for path in paths {
      guard let descriptor = Self.openFile(path) else { continue }
      if buildID.isEmpty ? Self.checksum(of: descriptor) == checksum : Self.buildID(ofFile: descriptor) == buildID {
        return (descriptor, path)
      }
      close(descriptor)
      if refused.insert(path).inserted {
        notice("the debug file \(path) belongs to another build than \(lastPart(of: module.name)) and is not used")
      }
    }
    return nil
  }

  private func candidates(_ buildID: [UInt8], _ link: String?) -> [String] {
    var paths = [Self.path(ofBuildID: buildID)].compactMap { $0 }
    // A name that leaves its folder is no name.
    if let link, !link.isEmpty, !link.contains("/"), module.name.hasPrefix("/") {
      let folder = module.name[..<(module.name.lastIndex(of: "/") ?? module.name.startIndex)]
      paths += ["\(folder)/\(link)", "\(folder)/.debug/\(link)", "/usr/lib/debug\(folder)/\(link)"]
    }
    return module.roots.flatMap { root in paths.map { root + $0 } }
  }

  private static func path(ofBuildID id: [UInt8]) -> String? {
    guard id.count > 1 else { return nil }
    let text = id.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "/usr/lib/debug/.build-id/\(text[0])/\(text[1...].joined()).debug"
  }

  private static func openFile(_ path: String) -> Int32? {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    var status = stat()
    if unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG { return descriptor }
    close(descriptor)
    return nil
  }

  private static func buildID(ofFile descriptor: Int32) -> [UInt8]? {
    guard elf_version(UInt32(EV_CURRENT)) != UInt32(EV_NONE), let elf = unsafe elf_begin(descriptor, ELF_C_READ, nil)
    else { return nil }
    defer { unsafe elf_end(elf) }
    var bytes: UnsafeRawPointer?
    let count = unsafe dwelf_elf_gnu_build_id(elf, &bytes)
    // Safe: the library says how many bytes there are.
    return unsafe count > 0 ? Array(UnsafeRawBufferPointer(start: bytes, count: Int(count))) : nil
  }

  /// The CRC-32 that .gnu_debuglink has of its file.
  private static func checksum(of descriptor: Int32) -> UInt32 {
    let table = (UInt32(0)..<256).map { byte in
      var rest = byte
      for _ in 0..<8 { rest = rest & 1 == 1 ? rest >> 1 ^ 0xedb8_8320 : rest >> 1 }
      return rest
    }
    var result = UInt32.max
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      guard count > 0 else { break }
      for byte in buffer[..<count] { result = table[Int(UInt8(truncatingIfNeeded: result) ^ byte)] ^ result >> 8 }
    }
    lseek(descriptor, 0, SEEK_SET)
    return ~result
  }
}
