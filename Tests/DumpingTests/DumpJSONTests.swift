// The dump as JSON: what stands in it, and that it is as docs/dump.schema.json says.
import Foundation
import Testing
import TraceEvents

@testable import Dumping
@testable import Inspection

@Suite struct DumpJSONTests {
  private typealias F = FibrilSnapshot

  private func schema() throws -> JSONSchema {
    let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/dump.schema.json")
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: file))
    return JSONSchema(try #require(object as? [String: Any]))
  }

  /// The document, which must be as the schema says.
  private func document(_ process: FakeProcess) throws -> [String: Any] {
    let text = process.text(.json)
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    #expect(try schema().problems(of: object) == [])
    return try #require(object as? [String: Any])
  }

  /// Everything that the document can have, at once.
  private var process: FakeProcess {
    var call = F.blocked(9, on: .call, 257)
    (call.isCall, call.onHelper, call.call, call.arguments) = (true, true, 257, [.max - 99, 0, 0, 0, 0, 0])
    var behindThread = F.blocked(10, on: .mutex, 0xe0)
    (behindThread.ownerThread, behindThread.deadline) = (77, fakeTime + 5)
    var named = FibrilSnapshot(fibril: 1 << 60, task: 2, state: .running)
    (named.name, named.parent, named.entry, named.isRoot) = (1, 3, 0x1234, true)
    var process = FakeProcess([
      F.blocked(2, on: .mutex, 0xb0, owner: 3), F.blocked(3, on: .mutex, 0xa0, owner: 2),
      F.blocked(4, on: .join, 99), F.blocked(5, on: .join), call, behindThread, named,
      FibrilSnapshot(fibril: 11, task: 1, state: FibrilState(rawValue: 9)),
      F.blocked(12, on: BlockReason(rawValue: 88)),
    ])
    process.names.append("quote \" backslash \\ control \u{1b} umlaut ü")
    let registers = ThreadRegisters(pc: 0x1234, stackPointer: 0x5678)
    process.captures[5002] = .inCall(
      ThreadCall(number: 0, arguments: [3, 0x7f00, 100, 0, 0, 0]), registers, StackCopy(address: 0x5678, bytes: []))
    return process
  }

  @Test func everythingIsAsTheSchemaSays() throws {
    let document = try document(process)
    let fibrils = try #require(document["fibrils"] as? [[String: Any]])
    func fibril(_ id: UInt64) -> [String: Any]? { fibrils.first { $0["id"] as? UInt64 == id } }
    #expect(fibrils.count == 9)
    let last = try #require(fibrils.last)
    #expect(last["id"] as? String == "1152921504606846976", "a number of 61 bits would be rounded by some")
    #expect(last["name"] as? String == "quote \" backslash \\ control \u{fffd} umlaut ü")
    #expect(last["entry"] as? String == "0x1234" && last["thread"] as? String == "in a call")
    let hidden = try #require(last["call"] as? [String: Any])
    #expect(hidden["name"] as? String == "read" && (hidden["arguments"] as? [String])?[1] == "0x7f00")
    #expect((hidden["text"] as? String)?.hasPrefix("read(3, 0x7f00, 100") == true)
    let call = try #require(fibril(9)?["call"] as? [String: Any])
    #expect((call["arguments"] as? [String])?.first == "0xffffffffffffff9c" && call["on_helper"] as? Bool == true)
    #expect((fibril(2)?["wait"] as? [String: Any])?["owner"] as? Int == 3)
    #expect((fibril(4)?["wait"] as? [String: Any])?["joins"] as? Int == 99)
    #expect((fibril(10)?["wait"] as? [String: Any])?["owner_tid"] as? Int == 77)
    #expect(fibril(2)?["age_ns"] as? UInt64 == 1_000_000_000 && fibril(11)?["age_ns"] is NSNull)
    #expect(fibril(11)?["state"] as? String == "state 9")
    let cycles = try #require(document["cycles"] as? [[String: Any]])
    #expect(cycles.count == 1 && cycles[0]["fibrils"] as? [Int] == [2, 3] && cycles[0]["end"] as? String == "never")
    #expect((document["blocked_behind"] as? [[String: Any]])?.count == 2)
    let tasks = try #require(document["tasks"] as? [[String: Any]])
    #expect(tasks.map { $0["held_up"] as? Bool } == [false, true])
    let backtraces = try #require(document["backtraces"] as? [[String: Any]])
    let number = try #require(last["backtrace"] as? Int)
    let frames = try #require(backtraces[number]["frames"] as? [[String: Any]])
    #expect(frames.first?["address"] as? String == "0x1234")
  }

  /// What a combining accent follows is one character with it, which no search for a character finds.
  @Test(arguments: ["\"", "\\"]) func anAccentOnWhatMustBeEscaped(_ mark: String) throws {
    var process = FakeProcess([F.blocked(2, on: .wakeTarget)])
    process.fibrils[0].name = 1
    process.names.append("a\(mark)\u{301}b")
    let fibrils = try #require(try document(process)["fibrils"] as? [[String: Any]])
    #expect(fibrils[0]["name"] as? String == process.names[1])
  }

  @Test func anEmptyDump() throws {
    let document = try document(FakeProcess([]))
    #expect((document["fibrils"] as? [Any])?.isEmpty == true && (document["backtraces"] as? [Any])?.isEmpty == true)
  }

  @Test func aHundredThousandFibrils() throws {
    let process = FakeProcess((1...100_000).map { F.blocked($0, on: .wakeTarget) })
    let object = try JSONSerialization.jsonObject(with: Data(process.text(.json).utf8))
    let fibrils = (object as? [String: Any])?["fibrils"] as? [[String: Any]]
    #expect(fibrils?.count == 100_000 && fibrils?.last?["id"] as? Int == 100_000)
  }

  /// The checker itself: each of these documents breaks one rule.
  @Test func aDocumentThatIsNotAsItShouldBe() throws {
    let good = try document(process)
    func broken(_ change: (inout [String: Any]) -> Void) throws -> [String] {
      var document = good
      change(&document)
      return try schema().problems(of: document)
    }
    #expect(try broken { $0["format"] = 2 } == ["$.format: not 1"])
    #expect(try broken { $0["more"] = 2 } == ["$: more is not in the schema"])
    #expect(try broken { $0["cycles"] = nil } == ["$: no cycles"])
    #expect(try broken { $0["problems"] = [1] } == ["$.problems[0]: not string"])
    #expect(
      try broken { $0["cycles"] = [["end": "soon", "deadline_ns": 1.5, "waiters": true, "fibrils": ["x"]]] }.count == 4)
  }
}
