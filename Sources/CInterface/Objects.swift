internal import Glibc

// What C holds by a pointer: a Swift object with one reference, from its create to its destroy. The type
// is that of the pointer in C, where each function takes one type of its own.

func create<Object: AnyObject>(_ out: UnsafeMutablePointer<OpaquePointer?>?, _ make: () -> Object) -> Int32 {
  guard let out = unsafe out else { return -EINVAL }
  unsafe out.pointee = unsafe OpaquePointer(Unmanaged.passRetained(make()).toOpaque())
  return 0
}

func with<Object: AnyObject>(_ pointer: OpaquePointer?, _ body: (Object) -> Int32) -> Int32 {
  guard let pointer = unsafe pointer else { return -EINVAL }
  return unsafe Unmanaged<Object>.fromOpaque(UnsafeRawPointer(pointer))._withUnsafeGuaranteedRef(body)
}

/// -EBUSY, and the object stays, if it is in use.
func destroy<Object: AnyObject>(_ pointer: OpaquePointer?, isInUse: (Object) -> Bool) -> Int32 {
  unsafe with(pointer) { (object: Object) in
    guard !isInUse(object) else { return -EBUSY }
    unsafe Unmanaged.passUnretained(object).release()
    return 0
  }
}
