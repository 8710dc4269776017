// Names of code that a process made at run time, from the file that such processes keep for perf:
// /tmp/perf-PID.map, a line `START SIZE NAME` a function. Anybody may put a file there.
internal import Glibc

/// The functions that a process says it has made.
public struct PerfMap: Sendable {
  /// The file's name without its folders.
  public let name: String
  private let functions: [Function]

  private struct Function {
    var addresses: Range<UInt64>
    var name: Substring
  }

  /// A larger file is read as far as this.
  private static let maximumBytes = 32 << 20
  private static let maximumNameBytes = 1024

  /// nil unless `path` is a plain file that belongs to `owner` or to root and that nobody else may write.
  public init?(path: String, owner: UInt32) {
    // O_NONBLOCK: opening a FIFO must not wait for its writer.
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
      status.st_uid == owner || status.st_uid == 0, status.st_mode & (S_IWGRP | S_IWOTH) == 0
    else { return nil }
    var bytes = [UInt8](repeating: 0, count: min(max(0, Int(status.st_size)), Self.maximumBytes))
    var count = 0
    while count < bytes.count {
      // Safe: the read stays inside the buffer.
      let got = unsafe bytes.withUnsafeMutableBytes {
        unsafe pread(descriptor, $0.baseAddress! + count, $0.count - count, off_t(count))
      }
      if got <= 0 { break }
      count += got
    }
    self.init(name: lastPart(of: path), text: String(decoding: bytes[..<count], as: UTF8.self))
  }

  /// Lines that make no sense are left out. Code is made anew at the same place: the last line counts.
  init(name: String, text: String) {
    self.name = name
    var functions: [Function] = []
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ", maxSplits: 2)
      guard words.count == 3, let start = Self.number(words[0]), let size = Self.number(words[1]), size > 0,
        !start.addingReportingOverflow(size).overflow, words[2].utf8.count <= Self.maximumNameBytes
      else { continue }
      functions.append(Function(addresses: start..<start + size, name: words[2]))
    }
    var byStart: [UInt64: Function] = [:]
    for function in functions { byStart[function.addresses.lowerBound] = function }
    self.functions = byStart.values.sorted { $0.addresses.lowerBound < $1.addresses.lowerBound }
  }

  private static func number(_ word: Substring) -> UInt64? {
    UInt64(word.hasPrefix("0x") ? word.dropFirst(2) : word, radix: 16)
  }

  /// The function that an address lies in.
  public func symbol(at address: UInt64) -> Symbol? {
    var low = 0
    var high = functions.count
    while low < high {
      let middle = (low + high) / 2
      if functions[middle].addresses.lowerBound <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0, functions[low - 1].addresses.contains(address) else { return nil }
    let function = functions[low - 1]
    return Symbol(
      linkageName: String(function.name), address: function.addresses.lowerBound,
      size: function.addresses.upperBound - function.addresses.lowerBound)
  }
}
