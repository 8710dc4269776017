// What commands that read a .fbt file say when it cannot be read, or not to its end.
internal import ArgumentParser
internal import TraceEvents

/// Why nothing came of a recording.
struct RecordingError: Error, CustomStringConvertible {
  var action: String
  var recording: String
  var cause: FBTError

  var description: String { "cannot \(action) \(recording): \(cause)" }
}

extension FBTEnding {
  /// Says what is missing of the recording `name`. Throws if it is damaged.
  func say(of name: String, whatIsThereIs done: String) throws {
    switch self {
    case .complete: break
    case .cut(let offset, let excess):
      Diagnostics.say(
        "\(name) has no end, as when its tracer is killed or the disk is full: all that was recorded up to byte "
          + "\(offset) has been \(done)\(excess == 0 ? "" : ", a piece of \(excess) bytes behind it is not whole")")
    case .damaged(let offset, let cause):
      Diagnostics.say("\(name) is damaged at byte \(offset): \(cause); what comes before has been \(done)")
      throw ExitCode.failure
    }
  }
}
