import Fibril
import Glibc

/// Three fibrils on one thread: two that sleep, and one that reads a pipe until the last has written.
@main
struct Hello {
  static func main() throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw FibrilError(action: "make a pipe", code: errno) }
    let (reading, writing) = (ends[0], ends[1])

    let task = try FibrilTask()
    try task.spawn(name: "reader") {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)
      defer { buffer.deallocate() }
      let count = (try? Asys.call(.read(reading, into: buffer))) ?? 0
      print("reader: \(String(decoding: buffer.prefix(count), as: UTF8.self))")
    }
    for (name, time) in [("early", 10), ("late", 20)] {
      try task.spawn(name: name) {
        try? Fibril.sleep(for: .milliseconds(time))
        print("\(name): slept \(time) ms")
        if name == "late" {
          let text = "hello from a stack of its own"
          _ = text.utf8CString.withUnsafeBytes { write(writing, $0.baseAddress, text.utf8.count) }
        }
      }
    }
    task.joinAll()
  }
}
