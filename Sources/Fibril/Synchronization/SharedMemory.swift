/// A C structure at a fixed address, which several threads change by its own rules. It lives as long as
/// the object that holds it.
///
/// Sendable because what is in it is touched by atomic operations or under its guard only.
@safe final class SharedMemory<Value>: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Value>

  init(_ value: Value) {
    unsafe pointer = .allocate(capacity: 1)
    unsafe pointer.initialize(to: value)
  }

  deinit {
    unsafe pointer.deinitialize(count: 1)
    unsafe pointer.deallocate()
  }

  var address: UInt64 { UInt64(UInt(bitPattern: unsafe pointer)) }
}
