// Which threads of a process are tasks, and where their event buffers lie in its memory.
internal import TraceEvents

/// A thread that is a task.
struct TaskThread {
  /// As the first PID namespace has it.
  let threadID: UInt32
  let task: UInt64
  /// Address of its buffer.
  let buffer: UInt64
}

extension TracedImage {
  /// The threads that are tasks at the moment, as far as their buffers are found in the process's memory; none
  /// where the process, the tracer or the kernel's programs know them by different ids.
  func threads(_ process: ProcessFolder) -> [TaskThread] {
    guard process.innerProcessID == process.processID, BatchObject.isInFirstNamespace,
      let maps = contentsOfProcFile(process.path + "/maps", limit: 1 << 26)
    else { return [] }
    let mappings = maps.split(separator: "\n").filter { $0.hasSuffix(BufferFile.link) }.compactMap { line in
      // "7f0a000-7f0b000 rw-s 04001000 00:01 1027    /memfd:fibril-events (deleted)"
      let fields = line.split(separator: " ", maxSplits: 3)
      let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
      guard fields.count == 4, ends.count == 2, ends[0] < ends[1], let offset = UInt64(fields[2], radix: 16) else {
        return nil as (addresses: Range<UInt64>, offset: UInt64)?
      }
      return (ends[0]..<ends[1], offset)
    }
    return buffersInOrder().compactMap { index, header in
      guard let (offset, thread) = place(ofBuffer: index) else { return nil }
      let mapping = mappings.first { offset >= $0.offset && offset - $0.offset < UInt64($0.addresses.count) }
      return mapping.map {
        TaskThread(
          threadID: thread, task: header.task, buffer: $0.addresses.lowerBound + (offset - $0.offset))
      }
    }
  }
}
