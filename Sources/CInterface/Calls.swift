internal import Fibril
public import FibrilC
internal import Glibc

// The functions of fibril.h about system calls.

@c @implementation
public func fibril_call(
  _ number: Int64, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64
) -> Int64 {
  make(SystemCall(.init(number), a, b, c, d, e, f), until: .never)
}

@c @implementation
public func fibril_call_until(_ call: UnsafePointer<fibril_call>?, _ deadline: UInt64) -> Int64 {
  guard let call = unsafe call else { return -Int64(EINVAL) }
  return make(SystemCall(unsafe call.pointee), until: Deadline(nanoseconds: deadline))
}

@inline(__always)
private func make(_ call: SystemCall, until deadline: Deadline) -> Int64 {
  guard Fibril.currentID != 0 else { return -Int64(ESRCH) }
  do throws(SystemCallError) {
    return Int64(try Asys.call(call, deadline: deadline))
  } catch {
    return -Int64(error.code)
  }
}

@c @implementation
public func fibril_submit(_ calls: UnsafePointer<fibril_call>?, _ count: Int) -> Int64 {
  guard Fibril.currentID != 0 else { return -Int64(ESRCH) }
  guard let calls = unsafe calls, count >= 0 else { return count == 0 ? 0 : -Int64(EINVAL) }
  let (submitted, error) = Asys.submit(count: count) { index in unsafe SystemCall(calls[index]) }
  guard submitted == 0, let error else { return Int64(submitted) }
  return -Int64(error.code)
}

@c @implementation
public func fibril_await_completions(
  _ completions: UnsafeMutablePointer<fibril_completion>?, _ minimum: Int, _ maximum: Int, _ deadline: UInt64
) -> Int64 {
  guard Fibril.currentID != 0 else { return -Int64(ESRCH) }
  guard minimum >= 0, maximum >= minimum else { return -Int64(EINVAL) }
  guard let completions = unsafe completions else { return maximum == 0 ? 0 : -Int64(EINVAL) }
  // The C structure is laid out as `Completion`.
  return unsafe completions.withMemoryRebound(to: Completion.self, capacity: maximum) { memory in
    let room = unsafe UnsafeMutableBufferPointer(start: memory, count: maximum)
    var span = unsafe OutputSpan(buffer: room, initializedCount: 0)
    do throws(WaitError) {
      try Asys.awaitCompletions(minimum: minimum, deadline: Deadline(nanoseconds: deadline), into: &span)
    } catch {
      return Int64(error.code)
    }
    return unsafe Int64(span.finalize(for: room))
  }
}

@c @implementation
public func fibril_cancel_calls(_ cookie: UInt64) -> Int64 {
  Fibril.currentID == 0 ? -Int64(ESRCH) : Int64(Asys.cancel(cookie: cookie))
}

extension SystemCall {
  fileprivate init(_ call: fibril_call) {
    self.init(.init(call.number), cookie: call.cookie)
    arguments = call.arguments
  }
}

extension SystemCall.Number {
  /// One that can be none stays one that the kernel does not know.
  fileprivate init(_ number: Int64) { self.init(rawValue: Int32(exactly: number) ?? -1) }
}
