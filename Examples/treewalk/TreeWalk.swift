import ArgumentParser
import Fibril
import Glibc

/// The seed's own demonstration: walks a tree by submitted system calls, many in flight, on as many
/// tasks as there are processors.
@main
struct TreeWalk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "treewalk",
    abstract: "Counts the files of a tree and their bytes, by asynchronous system calls.",
    discussion: """
      Follows no symbolic link, counts each hard link, and adds up the sizes of regular files. What can \
      not be read is named on standard error, and the exit status is then 1.

      EXAMPLES:
        treewalk /usr
        treewalk --tasks 1 .
        treewalk --repeat 100 /usr    # a process to look at while it works
        treewalk --helpers /mnt/share
      """)

  @Argument(help: "The directory at the top of the tree.")
  var directory: String

  @Option(help: "How many tasks, each on a thread; as many as processors if not given.")
  var tasks: Int?

  @Option(help: "Walk so many times, with a line for each.")
  var `repeat` = 1

  @Flag(help: "Look up entries on helper threads: for file systems that may hang.")
  var helpers = false

  func validate() throws {
    guard `repeat` > 0 else { throw ValidationError("--repeat must be 1 or more.") }
    if let tasks, !(1...1024).contains(tasks) { throw ValidationError("--tasks must be from 1 to 1024.") }
  }

  func run() throws {
    let failures = try (0..<`repeat`).reduce(0) { failures, _ in try failures + walkOnce() }
    if failures > 0 { throw ExitCode.failure }
  }

  /// Prints what one walk has found; returns how much could not be read.
  private func walkOnce() throws -> Int {
    let work = WorkList(top: Array(directory.utf8CString), usesHelpers: helpers)
    let threads = (0..<(tasks ?? processors())).compactMap { _ in start(work) }
    guard !threads.isEmpty else { throw ValidationError("cannot start a thread") }
    for thread in threads { pthread_join(thread, nil) }
    let total = work.total
    print("files \(total.files) dirs \(total.directories) other \(total.others) bytes \(total.bytes)")
    return total.errors
  }
}

/// A thread that becomes a task and walks until there is nothing left.
private func start(_ work: WorkList) -> pthread_t? {
  var thread = pthread_t()
  let error = unsafe pthread_create(
    &thread, nil,
    { argument in
      let work = unsafe Unmanaged<WorkList>.fromOpaque(argument!).takeRetainedValue()
      walk(work)
      return nil
    }, Unmanaged.passRetained(work).toOpaque())
  return error == 0 ? thread : nil
}

private func walk(_ work: WorkList) {
  do {
    var options = FibrilTask.Options()
    options.runsFileCallsInline = !work.usesHelpers
    let task = try FibrilTask(options: options)
    let pool = BatchPool()
    for index in 0..<Walker.fibrilsOnATask {
      try task.spawn(name: "walker-\(index)") { Walker(work, pool).run() }
    }
    task.joinAll()
  } catch {
    warn("cannot walk on this thread: \(error)")
    work.add(Tally(errors: 1))
  }
}

private func processors() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

/// One line on standard error.
func warn(_ text: String) {
  let line = "treewalk: \(text)\n"
  _ = unsafe line.utf8CString.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress, $0.count - 1) }
}
