// `fibril dump --symbolize FILE`: finishes the text of a dump that a process wrote of itself.
internal import Dumping
internal import TraceEvents

extension Dump {
  /// A line that is longer is no line of a dump.
  private static var longestLine: Int { 64 << 10 }

  func finish(_ path: String, to output: OutputFile) throws {
    do {
      let input = try InputFile(path: path)
      try output.begin()
      var symbolizing = DumpSymbolizing(notice: Diagnostics.say)
      var rest: [UInt8] = []
      while true {
        let piece = try input.readSome(1 << 16)
        rest += piece
        var finished: [UInt8] = []
        var start = 0
        while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
          finished += symbolizing.finish(rest[start..<end])
          start = end + 1
        }
        rest.removeFirst(start)
        if rest.count > Self.longestLine || piece.isEmpty {
          finished += rest
          rest.removeAll()
        }
        try output.write(finished)
        if piece.isEmpty { return }
      }
    } catch let error as FBTError {
      throw SymbolizeError(path: path, cause: error)
    }
  }
}

/// Why a dump's text could not be finished.
private struct SymbolizeError: Error, CustomStringConvertible {
  var path: String
  var cause: FBTError

  var description: String { "cannot symbolize \(path): \(cause)" }
}
