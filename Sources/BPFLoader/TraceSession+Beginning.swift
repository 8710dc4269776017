// How processes come into a trace: those that run when it begins, and what is found later.
internal import Glibc
internal import TraceEvents

extension TraceSession {
  /// Another look at a process that has not shown probes yet: its loader may still be at work.
  struct Look {
    let image: TracedImage
    /// CLOCK_MONOTONIC in ns.
    var time: UInt64
    var count = 0

    /// Nanoseconds from one look to the next.
    var interval: UInt64 { min(2_000_000_000, 1_000_000 << UInt64(count)) }
  }

  /// Who is traced from the start, and the files that hold their probes. Throws `BPFError`.
  func beginning() throws(BPFError) -> [ProbedFile] {
    images = [:]
    let now = ClockPair.now().nanoseconds
    var files: [ProbedFile] = []
    switch scope {
    case .processes(let processes):
      for process in processes {
        guard let folder = ProcessFolder(processID: process) else { throw BPFError.noSuchProcess(process) }
        let found = try ProbedFile.all(of: folder, &seenFiles)
        files.addUnknown(found)
        addImage(folder.processID, .attached, begin: now, isTraced: true, found).mustAppear = true
      }
    case .command(let process, let filesOfCommand):
      files = filesOfCommand
      let image = addImage(process, .started, begin: now, isTraced: !files.isEmpty, files)
      image.isHeld = true
      image.mustAppear = true
    case .all:
      findProcesses { folder, found in
        files.addUnknown(found)
        addImage(folder.processID, .attached, begin: now, isTraced: true, found).mustAppear = true
      }
    }
    for image in images.values where !image.isHeld { image.skipPast() }
    return files
  }

  @discardableResult
  private func addImage(
    _ process: Int32, _ origin: RecordedProcess.Origin, begin: UInt64, isTraced: Bool, _ files: [ProbedFile]
  ) -> TracedImage {
    let image = TracedImage(processID: process, origin: origin, begin: begin, isTraced: isTraced)
    image.files = Set(files.map(\.identity))
    images[process] = image
    return image
  }

  /// What follows once the probes are attached.
  func begin() {
    let pair = ClockPair.now()
    firstPair = pair
    let now = pair.nanoseconds
    start = now
    nextScan = now + Self.scanInterval
    for image in images.values.sorted(by: { $0.processID < $1.processID }) {
      image.begin = now
      if !image.isHeld {
        allowLateStarts(image)
        newcomers.append(image)
      }
    }
  }

  private func allowLateStarts(_ image: TracedImage) {
    guard attachment != nil else { return }
    image.allowLateStarts(attachment!.object)
    guard image.ident != nil else { return }
    attachment?.object.noteFile(of: image.processID)
    // A child takes its thread's buffer with it.
    guard options.follow || isAboutAll, let folder = ProcessFolder(processID: image.processID) else { return }
    for thread in image.threads(folder) { attachment?.object.know(thread) }
  }

  /// Hands out the processes that are not traced yet and have probes, one at a time: their files are open.
  private func findProcesses(_ body: (ProcessFolder, [ProbedFile]) -> Void) {
    let own = getpid()
    for name in directoryEntries("/proc", limit: 1 << 17) {
      guard let process = Int32(name), process != own, images[process]?.isTraced != true, options.isMeant(process),
        isNamed(process), let folder = ProcessFolder(processID: process)
      else { continue }
      if let files = filesWithProbes(of: folder) { body(folder, files) }
    }
  }

  /// Whether its name is one that the trace is about. `command` is what it was called when it executed its program.
  func isNamed(_ process: Int32, command: String? = nil) -> Bool {
    guard !options.commands.isEmpty else { return true }
    if let command, options.commands.contains(command) { return true }
    let name = contentsOfProcFile("/proc/\(process)/comm", limit: 64) ?? ""
    return options.commands.contains(String(name.hasSuffix("\n") ? name.dropLast() : name[...]))
  }

  /// The same, asked for each lot of records of a process that is not known.
  func isNamed(_ id: ImageID) -> Bool {
    guard !options.commands.isEmpty else { return true }
    let now = ClockPair.now().nanoseconds
    if let last = unmeant[id], now < last + Self.scanInterval { return false }
    if isNamed(id.processID) { return true }
    if unmeant.count >= Self.mostLooks { unmeant = [:] }
    unmeant[id] = now
    return false
  }

  /// Nil if it has none that can be attached to.
  func filesWithProbes(of folder: ProcessFolder) -> [ProbedFile]? {
    do {
      let files = try ProbedFile.all(of: folder, &seenFiles)
      if attachment?.object.way == .uprobeMulti, !files.allSatisfy(\.argumentsAreInCallingOrder) {
        say("process \(folder.processID) is not traced: its probes have their arguments in other registers")
        return nil
      }
      return files
    } catch {
      // Most processes have none, and that is no problem.
      if error.remedy?.contains("rebuild") == true { say("process \(folder.processID) is not traced: \(error)") }
      return nil
    }
  }

  /// Attaches to what a process has that is not attached to yet. True if it has been traced from its first moment; it
  /// is not traced at all if that is impossible.
  func attach(_ image: TracedImage, to files: [ProbedFile]) -> Bool {
    guard let attachment else { return false }
    image.isTraced = true
    image.files = Set(files.map(\.identity))
    // Of those that began while others had the files attached to, some were not seen from their first moment.
    if files.allSatisfy({ attachment.time(of: $0.identity).map { $0 < image.begin } == true }) { return true }
    let unknown = files.filter { attachment.time(of: $0.identity) == nil }
    image.skipPast()
    let used = unknown.isEmpty ? nil : filesInUse()
    for file in unknown {
      do {
        try attachment.attach(to: file, action: "attach to process \(image.processID)") {
          used?.contains($0) != false
        }
      } catch {
        say("\(error)")
      }
    }
    image.isTraced = files.contains { attachment.time(of: $0.identity) != nil }
    image.begin = ClockPair.now().nanoseconds
    allowLateStarts(image)
    return false
  }

  /// Takes in an image of which records come before it was seen whether it has probes. `task` made those from
  /// `number` on.
  func examine(_ image: TracedImage, _ task: UInt64, from number: UInt64, _ sink: inout some RecordingSink) throws {
    if let folder = ProcessFolder(processID: image.processID), let files = filesWithProbes(of: folder) {
      if !attach(image, to: files), image.isTraced {
        newcomers.append(image)
        try takeNewcomers(&sink)
      }
    } else if image.begin <= attachment?.latestTime ?? 0 {
      // It has ended, and what it did while the probes were attached was nobody's.
      _ = image.withTask(task) { $0.mayBegin(at: number) }
    }
    image.isTraced = true
  }

  /// What living processes have; nil if that is not known of all.
  private func filesInUse() -> Set<ProbedFile.Identity>? {
    var used: Set<ProbedFile.Identity> = []
    for image in images.values where image.isTraced {
      if image.files == nil, let folder = ProcessFolder(processID: image.processID) {
        image.files = filesWithProbes(of: folder).map { Set($0.map(\.identity)) }
      }
      guard let files = image.files else { return nil }
      used.formUnion(files)
    }
    return used
  }

  /// Looks at processes whose time has come, and for others if the trace is about all.
  func look(_ sink: inout some RecordingSink) throws {
    let now = ClockPair.now().nanoseconds
    if isAboutAll, now >= nextScan {
      var found: [(ProcessFolder, [ProbedFile])] = []
      findProcesses { found.append(($0, $1)) }
      // Who has just executed its program is in the ring: it is traced from its first moment, and no newcomer.
      if !found.isEmpty { _ = try readRing(limit: UInt(options.ringBytes), &sink) }
      for (folder, files) in found where images[folder.processID]?.isTraced != true {
        let image = images[folder.processID] ?? watch(folder.processID, .attached, begin: now)
        if attach(image, to: files) { image.skipPast() }
        if image.isTraced { newcomers.append(image) }
      }
      let end = ClockPair.now().nanoseconds
      // No more than a hundredth of the time.
      nextScan = end + max(Self.scanInterval, 100 * (end - now))
      try takeNewcomers(&sink)
    }
    guard !looks.isEmpty else { return }
    let due = looks.filter { $0.time <= now }
    looks.removeAll { $0.time <= now }
    for look in due where !look.image.isTraced && images[look.image.processID] === look.image {
      try self.look(at: look, &sink)
    }
  }

  /// Takes in a process of which nothing is known yet but its id.
  func watch(
    _ process: Int32, _ origin: RecordedProcess.Origin, begin: UInt64, id: ImageID? = nil, parent: TracedImage? = nil
  ) -> TracedImage {
    let image = TracedImage(
      processID: process, origin: origin, begin: begin, isTraced: false, id: id, parent: parent)
    images[process] = image
    attachment?.object.know(process)
    return image
  }

  /// Whether a program that has been executed has probes; if not, it may get some from its libraries.
  func look(at look: Look, _ sink: inout some RecordingSink) throws {
    let image = look.image
    guard let folder = ProcessFolder(processID: image.processID) else { return }
    if let files = filesWithProbes(of: folder) {
      if attach(image, to: files) {
        // Whoever has run all the time was seen by nobody before.
        if look.count > 0, isAboutAll { image.findBuffers(now: true) }
      } else if image.isTraced {
        newcomers.append(image)
        try takeNewcomers(&sink)
      }
      return
    }
    var next = look
    next.time = ClockPair.now().nanoseconds + look.interval
    next.count += 1
    image.looks = next.count
    if looks.count < Self.mostLooks { looks.append(next) }
  }

  private static var scanInterval: UInt64 { 2_000_000_000 }
  private static var mostLooks: Int { 4096 }
}

extension [ProbedFile] {
  /// Most processes have the same files; each is held open.
  fileprivate mutating func addUnknown(_ files: [ProbedFile]) {
    for file in files where !contains(where: { $0.identity == file.identity }) { append(file) }
  }
}
