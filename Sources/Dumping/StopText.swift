// What stopping and waiting threads did and do, in words.
internal import Inspection
internal import Texts

extension StopAccount {
  /// `stopped for 12 ms`, and what did not stop.
  var words: String {
    let milliseconds = nanoseconds / 1_000_000
    let time = milliseconds == 0 ? "\(max(1, nanoseconds / 1000)) us" : "\(milliseconds) ms"
    guard !unstopped.isEmpty else { return "stopped for \(time)" }
    let threads = unstopped.map { "\($0)" }.joined(separator: ", ")
    return "stopped for \(time), but for threads in uninterruptible sleep: \(threads)"
  }
}

extension ThreadWait {
  /// `, asleep for 1.234s in do_nanosleep`, as far as it is known. A D is said before all.
  func append(to text: inout ByteText) {
    if isUninterruptible {
      text.append(", in uninterruptible sleep")
    } else if nanoseconds != nil || !channel.isEmpty {
      text.append(", asleep")
    }
    if let nanoseconds {
      text.append(" for ")
      text.append(seconds: nanoseconds)
    }
    if !channel.isEmpty {
      text.append(" in ")
      text.append(foreign: channel)
    }
  }
}
