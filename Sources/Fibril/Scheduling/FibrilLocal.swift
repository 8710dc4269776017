internal import CFibril
internal import CFibrilContract

/// A variable of which every fibril has its own.
///
/// ```swift
/// enum Request { static let depth = FibrilLocal(default: 0) }
/// Request.depth.current += 1
/// ```
///
/// A fibril starts with the default, not with its parent's value. Its values are released at its end,
/// on its own stack; those of a task's root fibril when the task ends. Make a fibril-local variable
/// once, as a static constant: its number is never used again.
public struct FibrilLocal<Value>: Sendable {
  private let key = Int(fibril_take_local_key())
  private let initial: @Sendable () -> Value

  /// - Parameter initial: The value that each fibril starts with: evaluated when it first asks.
  public init(default initial: @autoclosure @escaping @Sendable () -> Value) { self.initial = initial }

  /// The running fibril's value. The calling thread must be a task.
  public var current: Value {
    get {
      let fibril = requireTask().pointee.running
      if let value = LocalValues.find(key, of: fibril) { return value as! Value }
      let value = initial()
      LocalValues.set(key, of: fibril, to: value)
      return value
    }
    nonmutating set { LocalValues.set(key, of: requireTask().pointee.running, to: newValue) }
  }
}

/// The fibril-local values of one fibril, by key. Behind the word `per_call` of its entry, which owns it,
/// from the first one on.
final class LocalValues {
  private var values: [Any?] = []

  static func find(_ key: Int, of fibril: EntryRef) -> Any? {
    guard let locals = locals(of: fibril), locals.values.indices.contains(key) else { return nil }
    return locals.values[key]
  }

  static func set(_ key: Int, of fibril: EntryRef, to value: Any) {
    if fibril.pointee.per_call == 0 {
      let bits = unsafe UInt(bitPattern: Unmanaged.passRetained(LocalValues()).toOpaque())
      fibril.pointee.per_call = UInt64(bits)
    }
    // The old value is released after the change: its end may ask for this fibril's values.
    withExtendedLifetime(locals(of: fibril)!.replace(key, value)) {}
  }

  private func replace(_ key: Int, _ value: Any) -> Any? {
    while values.count <= key { values.append(nil) }
    let old = values[key]
    values[key] = value
    return old
  }

  /// At the fibril's end, on its stack: what the values' own ends set is released as well.
  @inline(never)
  static func release(of fibril: EntryRef) {
    while let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(fibril.pointee.per_call)) {
      fibril.pointee.per_call = 0
      unsafe Unmanaged<LocalValues>.fromOpaque(pointer).release()
    }
  }

  private static func locals(of fibril: EntryRef) -> LocalValues? {
    guard let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(fibril.pointee.per_call)) else { return nil }
    return unsafe Unmanaged<LocalValues>.fromOpaque(pointer).takeUnretainedValue()
  }
}
