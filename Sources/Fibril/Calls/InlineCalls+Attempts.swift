internal import CFibril
internal import Glibc

// Calls that may wait are first made in a form that does not: most of them need not. What does not come
// to an end that way goes to the ring. The form is used only where it has the same effect.

extension InlineCalls {
  enum Attempt {
    /// As the bare call would have ended.
    case done(Int64)
    /// So many bytes are done; for the rest there is nothing but to wait.
    case waits(Int64)
    /// Not made: it has no such form, or that would wait all the same.
    case untried
    /// Not made, since the last ones of its descriptor would have waited: worth a try when nothing else can
    /// run.
    case later
  }

  /// Makes a call as far as it goes without waiting.
  func attempt(_ call: SystemCall) -> Attempt {
    let (descriptor, address, bytes, flags, _, _) = call.arguments
    switch call.number.rawValue {
    case SYS_read where attempts.isSocket(descriptor) && Self.isTransfer(bytes): return readSocket(call)
    case SYS_read: return read(descriptor, address, bytes, position: nil)
    case SYS_pread64 where Int64(bitPattern: flags) >= 0: return read(descriptor, address, bytes, position: flags)
    case SYS_write where attempts.isSocket(descriptor) && Self.isTransfer(bytes): return writeSocket(call)
    case SYS_write: return write(descriptor, address, bytes, position: nil)
    case SYS_pwrite64 where Int64(bitPattern: flags) >= 0: return write(descriptor, address, bytes, position: flags)
    case SYS_recvfrom where flags & Flags.waitsForAll == 0: return receive(call, flags: \.3)
    case SYS_recvmsg where bytes & Flags.waitsForAll == 0: return receive(call, flags: \.2)
    case SYS_sendto: return send(call)
    case SYS_openat where RingOperation.opensDirectory(call): return open(call)
    default: return .untried
    }
  }

  private enum Flags {
    static let waitsForAll = UInt64(MSG_WAITALL)
    static let doesNotWait = UInt64(MSG_DONTWAIT)
    static let readsErrors = UInt64(MSG_ERRQUEUE)
  }

  private func read(_ descriptor: UInt64, _ address: UInt64, _ bytes: UInt64, position: UInt64?) -> Attempt {
    guard Self.isTransfer(bytes) else { return .untried }
    guard attempts.isWorthwhile(descriptor) else { return attempts.hasWaited(descriptor) ? .later : .untried }
    var done: Int64 = 0
    let before = fibril_ticks()
    while true {
      let result = fibril_transfer_without_waiting(
        Int64(SYS_preadv2), descriptor, address + UInt64(done), bytes - UInt64(done),
        position.map { $0 + UInt64(done) } ?? .max)
      if done == 0 {
        if let attempt = judge(result, descriptor, hint: descriptor, since: before) { return attempt }
        // At the end of what is in memory a file's read ends early, where the bare one goes on.
        guard result < Int64(bytes), result > 0 else { return .done(result) }
        guard fibril_is_file(descriptor) else {
          attempts.noteMayBeSocket(descriptor)
          return .done(result)
        }
      } else if result == 0 {
        return .done(done)  // the file's end
      } else if result < 0 {
        return .waits(done)
      }
      done += result
      if done == Int64(bytes) { return .done(done) }
    }
  }

  private func write(_ descriptor: UInt64, _ address: UInt64, _ bytes: UInt64, position: UInt64?) -> Attempt {
    guard attempts.isWorthwhile(AttemptHints.writing(descriptor)), Self.isTransfer(bytes) else { return .untried }
    let before = fibril_ticks()
    let result = fibril_transfer_without_waiting(Int64(SYS_pwritev2), descriptor, address, bytes, position ?? .max)
    if let attempt = judge(result, descriptor, hint: AttemptHints.writing(descriptor), since: before) { return attempt }
    guard result < Int64(bytes), result > 0, !Self.refusesToWait(descriptor) else { return .done(result) }
    return .waits(result)
  }

  /// Longer ones than the kernel transfers at once are cut short by it; and of nothing only the bare call
  /// sees all that the file makes of it, as a datagram socket, which sends one.
  static func isTransfer(_ bytes: UInt64) -> Bool { (1...UInt64(Int32.max)).contains(bytes) }

  // To read from a socket is to receive without flags, and to write is to send. That does not ask what
  // kind of file it is, and says so if it is no socket any more.

  private func readSocket(_ call: SystemCall) -> Attempt {
    let (descriptor, address, bytes, _, _, _) = call.arguments
    let attempt = receive(SystemCall(.recvfrom, descriptor, address, bytes), flags: \.3)
    return isNoSocket(attempt, descriptor) ? read(descriptor, address, bytes, position: nil) : attempt
  }

  private func writeSocket(_ call: SystemCall) -> Attempt {
    let (descriptor, address, bytes, _, _, _) = call.arguments
    let attempt = send(SystemCall(.sendto, descriptor, address, bytes))
    return isNoSocket(attempt, descriptor) ? write(descriptor, address, bytes, position: nil) : attempt
  }

  @inline(__always)
  private func isNoSocket(_ attempt: Attempt, _ descriptor: UInt64) -> Bool {
    guard case .done(-Int64(ENOTSOCK)) = attempt else { return false }
    attempts.noteIsNoSocket(descriptor)
    return true
  }

  private func receive(
    _ call: SystemCall, flags: WritableKeyPath<(UInt64, UInt64, UInt64, UInt64, UInt64, UInt64), UInt64>
  ) -> Attempt {
    var attempt = call
    // Asked for errors it never waits.
    guard call.arguments[keyPath: flags] & (Flags.doesNotWait | Flags.readsErrors) == 0 else {
      return .done(call.run())
    }
    guard attempts.isWorthwhile(call.arguments.0) else {
      return attempts.hasWaited(call.arguments.0) ? .later : .untried
    }
    attempt.arguments[keyPath: flags] |= Flags.doesNotWait
    let before = fibril_ticks()
    let result = attempt.run()
    return judge(result, call.arguments.0, hint: call.arguments.0, since: before) ?? .done(result)
  }

  private func send(_ call: SystemCall) -> Attempt {
    guard call.arguments.3 & Flags.doesNotWait == 0 else { return .done(call.run()) }
    var attempt = call
    let hint = AttemptHints.writing(call.arguments.0)
    guard attempts.isWorthwhile(hint) else { return .untried }
    attempt.arguments.3 |= Flags.doesNotWait
    let before = fibril_ticks()
    let result = attempt.run()
    if let attempt = judge(result, call.arguments.0, hint: hint, since: before) { return attempt }
    guard result < Int64(call.arguments.2), result > 0, !Self.refusesToWait(call.arguments.0) else {
      return .done(result)
    }
    return .waits(result)
  }

  /// What is not in memory is for the ring to wait for.
  private func open(_ call: SystemCall) -> Attempt {
    guard !hangingMounts.areThere else { return .untried }
    let (directory, path, flags, mode, _, _) = call.arguments
    let result = fibril_open_cached(directory, path, flags, mode)
    switch -result {
    case Int64(EAGAIN), Int64(EINVAL), Int64(ENOSYS): return .untried
    default: return .done(result)
    }
  }

  /// What to make of an attempt that did not transfer anything; nil: it is to be taken as it is.
  @inline(__always)
  private func judge(_ result: Int64, _ descriptor: UInt64, hint: UInt64, since before: UInt64) -> Attempt? {
    if result >= 0 {
      attempts.noteSuccess(hint)
      if fibril_ticks() &- before > directTicks { noteSlow(descriptor, hint) }
      return nil
    }
    switch -result {
    case Int64(EAGAIN):
      guard !Self.refusesToWait(descriptor) else { return .done(result) }
      attempts.noteFailure(hint)
      return .waits(0)
    case Int64(EOPNOTSUPP), Int64(EINVAL):
      attempts.noteRefusal(hint)
      return .untried
    default: return nil
    }
  }

  /// With O_DIRECT it has waited for the device, whatever was asked for.
  @inline(never)
  private func noteSlow(_ descriptor: UInt64, _ hint: UInt64) {
    if fibril_waits_for_device(descriptor) { attempts.noteRefusal(hint) }
  }

  /// Whether the bare calls of a descriptor do not wait. A file's do, whatever its flags say.
  static func refusesToWait(_ descriptor: UInt64) -> Bool {
    let flags = fibril_system_call(Int64(SYS_fcntl), descriptor, UInt64(F_GETFL), 0, 0, 0, 0)
    return flags >= 0 && flags & Int64(O_NONBLOCK) != 0 && !fibril_is_file(descriptor)
  }
}

/// What became of the last attempts, by descriptor. Only hints: descriptors are used again, and several
/// share a place.
@safe struct AttemptHints {
  /// In each byte how many calls are not tried; behind them, how many failed in a row, and whether it may
  /// be a socket, likewise.
  private let bytes: UnsafeMutablePointer<UInt8>

  private static let places = 1024

  /// The place for what is written to a descriptor, which may go when there is nothing to be read.
  @inline(__always)
  static func writing(_ descriptor: UInt64) -> UInt64 { descriptor ^ UInt64(places / 2) }

  private static let mostFailures: UInt8 = 5
  /// So many calls go unseen after one that the file does not know, or for which it waited.
  private static let skipsAfterRefusal: UInt8 = 255

  init() {
    unsafe bytes = .allocate(capacity: 3 * Self.places)
    unsafe bytes.initialize(repeating: 0, count: 3 * Self.places)
  }

  func deallocate() { unsafe bytes.deallocate() }

  @inline(__always)
  private func place(_ descriptor: UInt64) -> Int { Int(truncatingIfNeeded: descriptor) & (Self.places - 1) }

  @inline(__always)
  func isWorthwhile(_ descriptor: UInt64) -> Bool {
    guard unsafe bytes[place(descriptor)] != 0 else { return true }
    unsafe bytes[place(descriptor)] -= 1
    return false
  }

  @inline(__always)
  func isSocket(_ descriptor: UInt64) -> Bool { unsafe bytes[2 * Self.places + place(descriptor)] == 1 }

  /// It is no file. If it turned out to be no socket either, that is tried again after as many calls.
  func noteMayBeSocket(_ descriptor: UInt64) {
    let kind = unsafe bytes + 2 * Self.places + place(descriptor)
    unsafe kind.pointee = unsafe kind.pointee == 0 ? 1 : kind.pointee - 1
  }

  func noteIsNoSocket(_ descriptor: UInt64) { unsafe bytes[2 * Self.places + place(descriptor)] = .max }

  @inline(__always)
  func noteSuccess(_ descriptor: UInt64) { unsafe bytes[Self.places + place(descriptor)] = 0 }

  /// After n failures in a row the next 2^n - 2 calls, at most 30, are not tried.
  func noteFailure(_ descriptor: UInt64) {
    let failures = min(unsafe bytes[Self.places + place(descriptor)] + 1, Self.mostFailures)
    unsafe bytes[Self.places + place(descriptor)] = failures
    unsafe bytes[place(descriptor)] = 1 << failures - 2
  }

  func noteRefusal(_ descriptor: UInt64) {
    unsafe bytes[place(descriptor)] = Self.skipsAfterRefusal
    unsafe bytes[Self.places + place(descriptor)] = 0
  }

  /// Whether the last attempts failed because there was nothing yet.
  func hasWaited(_ descriptor: UInt64) -> Bool { unsafe bytes[Self.places + place(descriptor)] != 0 }

  /// Has `body` make an attempt in any case, which says nothing about those at once.
  func forced(_ descriptor: UInt64, _ body: () -> InlineCalls.Attempt) -> InlineCalls.Attempt {
    let (skips, failures) = unsafe (bytes + place(descriptor), bytes + Self.places + place(descriptor))
    let before = unsafe (skips.pointee, failures.pointee)
    unsafe skips.pointee = 0
    defer { if unsafe failures.pointee == 0 { unsafe (skips.pointee, failures.pointee) = before } }
    return body()
  }
}
