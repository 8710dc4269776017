// What a process's descriptors are, as the kernel has it.
internal import Glibc

extension ProcessInspector {
  /// A file's path, or `socket:[123]` and its like; nil if it has no such descriptor or nobody may know.
  /// A path may hold any byte, and at most 255 of them are returned. It is as of now.
  public func descriptorName(_ descriptor: Int32) -> [UInt8]? {
    var name = [CChar](repeating: 0, count: 255)
    // Safe: at most as many bytes are written as there is room for.
    let count = unsafe readlink("/proc/\(memory.processID)/fd/\(descriptor)", &name, name.count)
    return count > 0 ? name.prefix(count).map { UInt8(bitPattern: $0) } : nil
  }
}
