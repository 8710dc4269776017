// `fibril list`: the processes that run fibrils.
internal import ArgumentParser
internal import Dumping
internal import Glibc
internal import Inspection
internal import TraceEvents
internal import Texts

struct List: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Show the processes that can be traced and dumped.",
    discussion: """
      A process is listed if it links a fibril runtime and one of its threads is a task. FIBRILS \
      counts those that have not ended, the tasks' roots and pending calls among them.

      EXAMPLES:
        fibril list
        fibril list --json | jq '.[].pid'
      """)

  @Flag(help: "Print a JSON array of objects.")
  var json = false

  func run() throws {
    var found: [ListedProcess] = []
    var refused = 0
    let notes = TableNotes()
    for process in ProcessInspector.allProcesses() {
      do throws(InspectionError) {
        found.append(ListedProcess(try ProcessInspector(processID: process, notes: notes)))
      } catch {
        if case .noRights = error { refused += 1 }
      }
    }
    let text = json ? ListedProcess.json(found) : ListedProcess.table(found)
    do {
      try OutputFile.standard.write(text.bytes)
    } catch  where error.errno == EPIPE {
      // Whoever read it has seen enough.
    } catch {
      throw Diagnostics.failure(error)
    }
    if refused > 0 {
      let remedy = geteuid() == 0 ? "" : "; root sees all of them"
      Diagnostics.say("\(refused) other process\(refused == 1 ? "" : "es") could not be looked into\(remedy)")
    }
  }
}

/// One line of the list.
struct ListedProcess {
  var process: Int32
  var user: String
  var tasks, fibrils: Int
  var command: String

  init(_ inspector: ProcessInspector) {
    let snapshot = inspector.read().snapshot
    process = inspector.processID
    command = inspector.command
    user = Self.name(ofUser: ProcessInspector.userID(ofProcess: process))
    tasks = snapshot.tasks.count
    fibrils = snapshot.fibrils.count { $0.state != .dead }
  }

  private static func name(ofUser user: UInt32?) -> String {
    guard let user else { return "?" }
    // Safe: the entry is valid until the next call, and its name is copied.
    guard let entry = unsafe getpwuid(user) else { return String(user) }
    return unsafe String(cString: entry.pointee.pw_name)
  }

  static func table(_ processes: [ListedProcess]) -> ByteText {
    var text = ByteText()
    func row(_ cells: [(ByteText, Int)], _ last: ByteText) {
      for (cell, columns) in cells {
        let start = text.bytes.count
        text.append(cell)
        text.pad(from: start, to: columns)
      }
      text.append(last)
      text.append("\n")
    }
    row(
      [("PID", 9), ("USER", 14), ("TASKS", 7), ("FIBRILS", 9)].map { (ByteText(own: $0), $1) }, ByteText(own: "COMMAND")
    )
    for process in processes {
      row(
        [
          (ByteText(own: String(process.process)), 9), (ByteText(foreign: process.user), 14),
          (ByteText(own: String(process.tasks)), 7), (ByteText(own: String(process.fibrils)), 9),
        ], ByteText(foreign: process.command))
    }
    return text
  }

  static func json(_ processes: [ListedProcess]) -> ByteText {
    var text = ByteText()
    text.append("[")
    for (index, process) in processes.enumerated() {
      text.append(index == 0 ? "\n" : ",\n")
      text.append(own: "{\"pid\": \(process.process), \"user\": ")
      text.append(json: process.user)
      text.append(own: ", \"tasks\": \(process.tasks), \"fibrils\": \(process.fibrils), \"command\": ")
      text.append(json: process.command)
      text.append("}")
    }
    text.append("\n]\n")
    return text
  }
}
