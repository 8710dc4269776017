// What an argument of a system call is, and how much of the memory behind it is worth having.

/// What an argument is.
enum ArgumentKind: Sendable {
  case descriptor
  /// A descriptor that names start from, or AT_FDCWD.
  case directory
  case path, string
  case int, unsigned, long, size, offset
  /// A user or group id; -1: unchanged.
  case id
  case address, bits, mode
  case constants(ConstantNames)
  /// A mode in the low bits, and names for the others.
  case namedMode(ConstantNames, permissions: UInt64)
  case structure(Structure)
  /// Depends on the arguments before it: they and its own position are given. nil: it is not used.
  case chosen(@Sendable ([UInt64], Int) -> ArgumentKind?)

  /// What an address leads to.
  enum Structure: Sendable {
    /// The argument behind it is the length.
    case socketAddress
    case time, oldTime, timerTimes, oldTimerTimes, fileTimes
    /// The argument behind it is the number of elements.
    case pollList, vector
    /// The first argument is the number of bits.
    case descriptorSet
    case epollEvent, signalSet, header, how, cloneArguments, int
  }

  /// The kind that a word of the table of signatures stands for.
  static func named(_ word: Substring) -> ArgumentKind {
    guard let kind = words[String(word)] else { preconditionFailure("\(word) is no kind of argument") }
    return kind
  }

  /// All sets of constants, by their words.
  static let constants = [
    ConstantNames.files, ConstantNames.sockets, ConstantNames.memory, ConstantNames.processes,
  ].reduce(into: [String: ConstantNames]()) { $0.merge($1) { first, _ in first } }

  private static let words: [String: ArgumentKind] = {
    var words: [String: ArgumentKind] = [
      "fd": .descriptor, "directory": .directory, "path": .path, "string": .string, "int": .int,
      "unsigned": .unsigned, "long": .long, "size": .size, "offset": .offset, "id": .id, "address": .address,
      "bits": .bits, "mode": .mode, "socket-address": .structure(.socketAddress), "time": .structure(.time),
      "old-time": .structure(.oldTime), "timer-times": .structure(.timerTimes),
      "old-timer-times": .structure(.oldTimerTimes), "file-times": .structure(.fileTimes),
      "poll-list": .structure(.pollList), "vector": .structure(.vector), "fd-set": .structure(.descriptorSet),
      "epoll-event": .structure(.epollEvent), "signal-set": .structure(.signalSet), "header": .structure(.header),
      "how": .structure(.how), "clone-arguments": .structure(.cloneArguments),
    ]
    words.merge(chosen) { first, _ in first }
    words["typed-mode"] = constants["file-type"].map { .namedMode($0, permissions: 0o7777) }
    words["ipc-mode"] = constants["ipc-new"].map { .namedMode($0, permissions: 0o777) }
    words.merge(constants.mapValues { .constants($0) }) { first, _ in first }
    return words
  }()

  /// What it is, given the call's arguments; nil: it is not used.
  func resolved(_ arguments: [UInt64], at index: Int) -> ArgumentKind? {
    if case .chosen(let choose) = self { choose(arguments, index) } else { self }
  }

  /// How many bytes that the argument at `index` points at are worth having.
  func bytes(_ arguments: [UInt64], at index: Int) -> Int {
    let next = index + 1 < arguments.count ? Int(arguments[index + 1] & 0xffff_ffff) : 0
    return switch self {
    case .path, .string: 256
    case .structure(.socketAddress): min(next, 128)
    case .structure(.pollList): min(next, StructureText.shownPolls) * 8
    case .structure(.vector): min(next, StructureText.countedBuffers) * 16
    case .structure(.descriptorSet): min(Int(arguments[0] & 0xffff_ffff), 1024) / 8 + 1
    case .structure(.time), .structure(.oldTime), .structure(.epollEvent): 16
    case .structure(.timerTimes), .structure(.oldTimerTimes), .structure(.fileTimes): 32
    case .structure(.header): 56
    case .structure(.how): 24
    case .structure(.signalSet), .structure(.cloneArguments): 8
    case .structure(.int): 4
    default: 0
    }
  }
}
