internal import Fibril
public import FibrilC
internal import Glibc

// The functions of fibril.h about fibrils and what wakes them.

@c @implementation
public func fibril_spawn(
  _ name: UnsafePointer<CChar>?, _ stackBytes: Int, _ body: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?,
  _ argument: UnsafeMutableRawPointer?, _ out: UnsafeMutablePointer<fibril_t>?
) -> Int32 {
  guard let body = unsafe body, stackBytes >= 0 else { return -EINVAL }
  return onTask {
    do throws(FibrilError) {
      let fibril = unsafe try Fibril.spawn(
        name: name.map { unsafe String(cString: $0) },
        stackBytes: stackBytes == 0 ? Fibril.defaultStackBytes : stackBytes,
        code: UInt64(UInt(bitPattern: unsafeBitCast(body, to: UnsafeRawPointer.self)))
      ) { unsafe body(argument) }
      if let out = unsafe out { unsafe out.pointee = Handles.hold(fibril) }
      return 0
    } catch {
      return -error.code
    }
  }
}

@c @implementation
public func fibril_self() -> UInt64 { Fibril.currentID }

@c @implementation
public func fibril_stack_used() -> Int { Fibril.currentID == 0 ? 0 : Fibril.stackHighWaterMark }

@c @implementation
public func fibril_yield() -> Int32 {
  onTask {
    Fibril.yield()
    return 0
  }
}

@c @implementation
public func fibril_sleep_ns(_ nanoseconds: UInt64) -> Int32 {
  onTask { result { () throws(WaitError) in try Fibril.sleep(for: .nanoseconds(Int64(clamping: nanoseconds))) } }
}

@c @implementation
public func fibril_join(_ fibril: fibril_t, _ deadline: UInt64) -> Int32 {
  let id = fibril.target.opaque.1
  if id != 0, id == Fibril.currentID { return -EDEADLK }
  guard let held = Handles.claim(fibril) else { return -ESRCH }
  let code = result { () throws(WaitError) in try held.awaitEnd(until: Deadline(nanoseconds: deadline)) }
  if code == 0 { held.drop() } else { held.giveBack(id) }
  return code
}

@c @implementation
public func fibril_detach(_ fibril: fibril_t) -> Int32 {
  guard let held = Handles.claim(fibril) else { return -ESRCH }
  held.drop()
  return 0
}

@c @implementation
public func fibril_cancel(_ fibril: fibril_t) -> Int32 {
  guard let target = WakeTarget(fibril.target) else { return -EINVAL }
  target.cancel()
  return 0
}

@c @implementation
public func fibril_is_cancelled() -> Bool { Fibril.isCancelled }

@c @implementation
public func fibril_without_cancellation(
  _ body: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?, _ argument: UnsafeMutableRawPointer?
) -> Int32 {
  guard let body = unsafe body else { return -EINVAL }
  return onTask {
    Fibril.withoutCancellation { unsafe body(argument) }
    return 0
  }
}

@c @implementation
public func fibril_wake_target() -> fibril_wake_target_t {
  Fibril.currentID == 0 ? fibril_wake_target_t() : fibril_wake_target_t(.current)
}

@c @implementation
public func fibril_wake(_ target: fibril_wake_target_t) -> Int32 {
  guard let target = WakeTarget(target) else { return -EINVAL }
  target.wake()
  return 0
}

@c @implementation
public func fibril_block(_ deadline: UInt64) -> Int32 {
  onTask { result { () throws(WaitError) in try Fibril.block(until: Deadline(nanoseconds: deadline)) } }
}

extension WakeTarget {
  init?(_ target: fibril_wake_target_t) { self.init(words: target.opaque) }
}

extension fibril_wake_target_t {
  init(_ target: WakeTarget) { self.init(opaque: target.words) }
}
