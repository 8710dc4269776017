// The user stacks of a process, as they become known, and what their frames are called.

public import TraceEvents

/// Puts a frame of a stack into words: its program counter, whether that is the place itself and not a return address, and
/// everything that is mapped into the process.
public typealias FrameText = (_ pc: UInt64, _ isExact: Bool, _ modules: [RecordedModule]) -> String

final class StackTable {
  private var stacks: [UInt32: [UInt64]] = [:]
  private var words = 0
  private let frameText: FrameText
  var modules: [RecordedModule] = []

  /// No tracer records so many, but a file may claim any number.
  private static let mostWords = 16 << 20

  init(_ frameText: @escaping FrameText) { self.frameText = frameText }

  func take(_ stack: [UInt64], id: UInt32) {
    guard words + stack.count <= Self.mostWords, stacks.updateValue(stack, forKey: id) == nil else { return }
    words += stack.count + 1
  }

  /// A text a frame, the innermost first.
  subscript(id: UInt32) -> [String]? {
    stacks[id].map { stack in
      stack.enumerated().map { frameText($1, $0 == 0, modules) }
    }
  }
}

/// `0x7f0000001234 [libc.so.6+0x1234]`, by the offset in the file.
public func placeInFile(_ pc: UInt64, isExact: Bool, modules: [RecordedModule]) -> String {
  let address = "0x" + String(pc, radix: 16)
  guard let module = modules.first(where: { $0.addresses.contains(isExact ? pc : pc &- 1) }), !module.path.isEmpty
  else { return address }
  let offset = pc &- module.addresses.lowerBound &+ module.fileOffset
  return address + " [\(module.path.split(separator: "/").last ?? "")+0x\(String(offset, radix: 16))]"
}
