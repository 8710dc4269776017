// A small program with known probes and a known table note, compiled into a temporary folder.
import Foundation
import Testing

/// Lives in its own folder, which goes with the value.
final class SampleBinary {
  let folder: URL
  let path: String

  init(flags: [String] = []) throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "fibril-elf-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    path = folder.appending(path: "sample").path
    let source = folder.appending(path: "sample.S")
    try Data(Self.source.utf8).write(to: source)
    try run("clang", flags + ["-nostdlib", "-o", path, source.path])
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  var bytes: [UInt8] {
    get throws { try Array(Data(contentsOf: URL(filePath: path))) }
  }

  /// Another file in the same folder.
  func write(_ bytes: [UInt8], as name: String) throws -> String {
    let file = folder.appending(path: name)
    try Data(bytes).write(to: file)
    return file.path
  }

  /// Two probes, of which `block` has no semaphore, one of another provider, and the table note.
  static let source = """
    .macro probe address, semaphore, provider, name, arguments
      .pushsection .note.stapsdt,"","note"
      .balign 4
      .long 8, 902f-901f, 3
      .asciz "stapsdt"
    901:
      .quad \\address, _.stapsdt.base, \\semaphore
      .asciz "\\provider"
      .asciz "\\name"
      .asciz "\\arguments"
    902:
      .balign 4
      .popsection
    .endm
    .pushsection .stapsdt.base,"aG","progbits",.stapsdt.base,comdat
    .weak _.stapsdt.base
    .hidden _.stapsdt.base
    _.stapsdt.base: .space 1
    .popsection

    .pushsection .note.fibril,"a","note"
    .balign 4
    .long 7, 8, 1
    .asciz "Fibril"
    .balign 4
    994:
    .quad fibril_root - 994b
    .popsection

    .globl _start, fibril_root, the_semaphore
    .text
    _start:
      mov $60, %eax
    991:
      nop
      xor %edi, %edi
    992:
      nop
      syscall
      probe 991b, the_semaphore, fibril, submit, "8@%rdi 8@%rsi"
      probe 992b, 0, fibril, block, ""
      probe 992b, 0, other, switch, "8@%rax"
    .data
      .quad 0x1122334455667788
    the_semaphore: .short 0x5e5e
      .quad 0
    .bss
      .space 4096
    fibril_root: .space 128
    """
}

/// Runs a tool to its end; a failure fails the test.
@discardableResult
func run(_ tool: String, _ arguments: [String]) throws -> String {
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = [tool] + arguments
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "\(tool) \(arguments) failed")
  return text
}
