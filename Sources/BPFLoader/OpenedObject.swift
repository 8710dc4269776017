// Opening a BPF object that this program carries.
internal import BPFObjects
internal import CLibbpf
internal import Glibc

extension BPFObject {
  /// Opens the object, of which the kernel knows nothing yet; whoever asked closes it. Throws `BPFError` with the
  /// action `action`.
  @unsafe func open(action: String) throws(BPFError) -> OpaquePointer {
    Messages.collect()
    let bytes = decoded()
    let opened = unsafe bytes.withUnsafeBytes { bytes in
      unsafe name.withCString { name in
        var options = unsafe bpf_object_open_opts()
        unsafe options.sz = MemoryLayout<bpf_object_open_opts>.size
        unsafe options.object_name = name
        return unsafe bpf_object__open_mem(bytes.baseAddress, bytes.count, &options)
      }
    }
    guard let object = unsafe opened else { throw BPFError(action, errno: errno, detail: Messages.last) }
    return unsafe object
  }
}
