import Fibril
import Glibc

/// One JSON line of whole numbers and fractions, which the driver reads.
func report(_ figures: KeyValuePairs<String, Double>) {
  let fields = figures.map { "\"\($0.key)\":\($0.value)" }
  print("{\(fields.joined(separator: ","))}")
}

/// Nanoseconds that `body` takes, divided by `count`.
func nanoseconds<Failure: Error>(each count: Int, _ body: () throws(Failure) -> Void) throws(Failure) -> Double {
  let start = ContinuousClock.now
  try body()
  let (seconds, attoseconds) = start.duration(to: .now).components
  return (Double(seconds) * 1e9 + Double(attoseconds) / 1e9) / Double(count)
}

/// Why a measurement is worth nothing.
struct BenchmarkError: Error, CustomStringConvertible {
  var description: String

  init(_ description: String) { self.description = description }

  /// A failed call of libc, by the thread's `errno`.
  init(cannot action: String) {
    description = "cannot \(action): \(unsafe String(cString: strerror(errno)))"
  }
}

/// A figure from a file of lines "Name:  123 kB", in bytes; 0 if it is not there.
func bytes(of name: String, in path: String) -> Double {
  guard let file = unsafe fopen(path, "r") else { return 0 }
  defer { unsafe fclose(file) }
  let line = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 256)
  defer { unsafe line.deallocate() }
  while unsafe fgets(line.baseAddress, 256, file) != nil {
    let words = unsafe String(cString: line.baseAddress!).split(whereSeparator: { $0 == " " || $0 == "\t" })
    if words.count > 1, words[0] == "\(name):" { return (Double(words[1]) ?? 0) * 1024 }
  }
  return 0
}
