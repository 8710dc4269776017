// Arguments as the words that the kernel takes.

extension SystemCall {
  @inline(__always)
  static func word(_ pointer: UnsafeRawPointer?) -> UInt64 { UInt64(UInt(bitPattern: pointer)) }

  /// Sign-extended, as a C caller passes an int.
  @inline(__always)
  static func word(_ number: Int32) -> UInt64 { UInt64(bitPattern: Int64(number)) }
}
