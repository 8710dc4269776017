// What the programs and the tracer tell each other beside the ring: known processes, and the account of loss.
internal import CFibrilContract
internal import CLibbpf

/// One process image, as the kernel tells it from all others.
struct ImageID: Hashable {
  let processID: Int32
  /// When the process began, in ns since boot.
  let start: UInt64
  /// Programs it and its forebears have executed.
  let execs: UInt32

  init(_ image: fibril_image) {
    processID = Int32(bitPattern: image.tgid)
    start = image.start
    execs = image.execs
  }

  fileprivate var image: fibril_image {
    fibril_image(start: start, tgid: UInt32(bitPattern: processID), execs: execs)
  }
}

extension BatchObject {
  /// Has the programs take in what the process does.
  func know(_ process: Int32) {
    var key = process
    var value = fibril_known_process()
    // Keys and values have here and below the sizes that fibril_ring.h gives the maps.
    unsafe _ = bpf_map_update_elem(map("processes"), &key, &value, UInt64(BPF_NOEXIST))
  }

  /// Tells the programs of a thread that was a task before they ran.
  func know(_ thread: TaskThread) {
    var key = thread.threadID
    var value = fibril_thread(task: thread.task, buffer: thread.buffer, is_counted: 0)
    unsafe _ = bpf_map_update_elem(map("threads"), &key, &value, UInt64(BPF_NOEXIST))
  }

  /// Tells the programs that the process's buffers are at hand.
  func noteFile(of process: Int32) {
    var key = process
    var value: UInt32 = 1
    unsafe _ = bpf_map_update_elem(map("files"), &key, &value, UInt64(BPF_ANY))
  }

  /// Has the programs leave the process alone.
  func forget(_ process: Int32) {
    var key = process
    unsafe _ = bpf_map_delete_elem(map("processes"), &key)
    unsafe _ = bpf_map_delete_elem(map("files"), &key)
  }

  /// The processes that the programs know, children among them of which the ring had no room to tell.
  func knownProcesses() -> [Int32] { unsafe keys(of: map("processes"), first: Int32(0)) }

  /// What of a task found no place in the ring: from its first to behind its last number.
  func unplaced(_ image: ImageID, task: UInt64) -> Range<UInt64>? {
    var key = fibril_unplaced_key(image: image.image, task: task)
    var value = fibril_unplaced()
    guard unsafe bpf_map_lookup_elem(map("unplaced"), &key, &value) == 0, value.first < value.end else { return nil }
    return value.first..<value.end
  }

  /// The images and tasks of which something found no place.
  func unplacedTasks() -> [(image: ImageID, task: UInt64)] {
    unsafe keys(of: map("unplaced"), first: fibril_unplaced_key()).map { (ImageID($0.image), $0.task) }
  }

  /// Makes room in the account of loss: nothing more comes of the task.
  func forgetUnplaced(_ image: ImageID, task: UInt64) {
    var key = fibril_unplaced_key(image: image.image, task: task)
    unsafe _ = bpf_map_delete_elem(map("unplaced"), &key)
  }

  /// What the programs could neither place nor account for.
  func counts() -> fibril_batch_counts {
    var key: UInt32 = 0
    var counts = fibril_batch_counts()
    // `counts` is the only global variable that begins as zero, so the map's only value is that.
    return unsafe bpf_map_lookup_elem(map(".bss"), &key, &counts) == 0 ? counts : fibril_batch_counts()
  }

  /// Unsafe unless `Key` has the size of the map's keys. A map has at most 16384 of them.
  @unsafe private func keys<Key: BitwiseCopyable>(of map: Int32, first: Key) -> [Key] {
    var keys: [Key] = []
    var key = first
    var next = first
    var status = unsafe bpf_map_get_next_key(map, nil, &next)
    while status == 0, keys.count < 16384 {
      keys.append(next)
      key = next
      status = unsafe bpf_map_get_next_key(map, &key, &next)
    }
    return keys
  }
}
