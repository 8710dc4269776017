import Fibril
import Glibc

/// Where a directory is: its path and, while that is open, the directory that it is an entry of, from
/// which it is found without going through the whole path again.
struct Place {
  /// With its terminating NUL.
  var path: [CChar]
  var parent: Directory?
  /// Where in `path` the name in `parent` begins.
  var nameStart = 0

  init(top: [CChar]) { path = top }

  init(path: [CChar], parent: Directory, nameStart: Int) {
    self.path = path
    self.parent = parent.isCheap ? parent : nil
    self.nameStart = nameStart
  }

  func open() throws(SystemCallError) -> Int32 {
    let descriptor = unsafe try path.withUnsafeBufferPointer { path throws(SystemCallError) in
      unsafe try Asys.call(
        .openat(
          parent?.descriptor ?? AT_FDCWD, path.baseAddress! + (parent == nil ? 0 : nameStart),
          flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC))
    }
    return Int32(descriptor)
  }

  var text: String { String(decoding: path.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self) }
}

/// A directory that is being walked; its descriptor is closed when its last entry is counted and its last
/// directory opened.
final class Directory: Sendable {
  private let path: [CChar]
  let descriptor: Int32
  private let work: WorkList

  init(_ place: Place, descriptor: Int32, work: WorkList) {
    path = place.path
    self.descriptor = descriptor
    self.work = work
  }

  /// Whether it may stay open longer than it has to: descriptors are limited, often to 1024.
  var isCheap: Bool { descriptor < 512 }

  func entry(_ name: UnsafePointer<CChar>) -> Place {
    let slash = CChar(bitPattern: UInt8(ascii: "/"))
    let length = unsafe strlen(name)
    var path: [CChar] = []
    path.reserveCapacity(self.path.count + length + 1)
    path.append(contentsOf: self.path.dropLast())
    if path.last != slash { path.append(slash) }
    let nameStart = path.count
    unsafe path.append(contentsOf: UnsafeBufferPointer(start: name, count: length + 1))
    return Place(path: path, parent: self, nameStart: nameStart)
  }

  deinit {
    close(descriptor)
    work.finishDirectory()
  }
}
