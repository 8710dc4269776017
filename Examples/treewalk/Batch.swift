import Fibril
import Glibc

/// What one `getdents64` returned, and a `struct stat` for each entry: the memory that the submitted
/// calls point to until they have completed.
@safe final class Batch {
  let entries = UnsafeMutableRawBufferPointer.allocate(byteCount: Batch.entryBytes, alignment: 8)
  let statuses = UnsafeMutablePointer<stat>.allocate(capacity: Batch.mostEntries)
  private var names: [UnsafePointer<CChar>] = unsafe []
  var directory: Directory?
  private var uncounted = 0

  private static let entryBytes = 32 * 1024
  /// The smallest `struct linux_dirent64` takes 24 bytes.
  private static let mostEntries = entryBytes / 24

  init() { unsafe names.reserveCapacity(256) }

  deinit {
    unsafe entries.deallocate()
    unsafe statuses.deallocate()
  }

  /// One call for each entry in the first `bytes`, whose cookie leads back to the entry.
  func calls(bytes: Int, in directory: Directory) -> [SystemCall] {
    unsafe names.removeAll(keepingCapacity: true)
    var offset = 0
    while offset < bytes {
      // struct linux_dirent64: inode 8, offset 8, record length 2, type 1, name.
      let record = unsafe entries.baseAddress! + offset
      let name = unsafe (record + 19).assumingMemoryBound(to: CChar.self)
      if unsafe strcmp(name, ".") != 0, unsafe strcmp(name, "..") != 0 { unsafe names.append(name) }
      offset += Int(unsafe record.load(fromByteOffset: 16, as: UInt16.self))
    }
    uncounted = unsafe names.count
    self.directory = directory
    let batch = UInt64(UInt(bitPattern: unsafe Unmanaged.passUnretained(self).toOpaque()))
    return unsafe names.indices.map { index in
      unsafe .newfstatat(
        directory.descriptor, names[index], into: statuses + index, flags: AT_SYMLINK_NOFOLLOW,
        cookie: batch << 16 | UInt64(index))
    }
  }

  /// The batch and the entry that a completion is about. The batch is alive: it waits for this.
  static func find(_ completion: Completion) -> (batch: Batch, index: Int) {
    // Addresses have 48 bits here, an index has at most 11.
    let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(completion.cookie >> 16))!
    return unsafe (Unmanaged<Batch>.fromOpaque(pointer).takeUnretainedValue(), Int(completion.cookie & 0xffff))
  }

  /// Counts entry `index`; returns where it is if it is a directory, which is counted when it is walked.
  func count(_ index: Int, result: Int64, into tally: inout Tally) -> Place? {
    uncounted -= 1
    guard result == 0 else {
      unsafe warn("cannot read the status of \(directory!.entry(names[index]).text): \(message(Int32(-result)))")
      tally.errors += 1
      return nil
    }
    let status = unsafe statuses[index]
    switch status.st_mode & S_IFMT {
    case S_IFREG:
      tally.files += 1
      tally.bytes += Int(status.st_size)
    case S_IFDIR:
      return unsafe directory!.entry(names[index])
    default:
      tally.others += 1
    }
    return nil
  }

  var isCounted: Bool { uncounted == 0 }
}

func message(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }

/// The batches of one task, used again and again.
final class BatchPool {
  private var free: [Batch] = []
  /// Batches in use: this keeps them alive while calls point into them.
  private var busy: [ObjectIdentifier: Batch] = [:]

  func take() -> Batch {
    let batch = free.popLast() ?? Batch()
    busy[ObjectIdentifier(batch)] = batch
    return batch
  }

  func giveBack(_ batch: Batch) {
    batch.directory = nil
    busy[ObjectIdentifier(batch)] = nil
    free.append(batch)
  }
}
