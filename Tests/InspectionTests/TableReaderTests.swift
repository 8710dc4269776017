// What is read from a table in order, and from one that changes or is damaged.
import CFibrilContract
import Testing
import TraceEvents

@testable import Inspection

@Suite struct TableReaderTests {
  @Test func readsEveryTaskFibrilNameAndStack() throws {
    let process = FakeProcess(tasks: 2, fibrils: 6)
    let (inspection, stacks) = try process.inspect()
    let snapshot = inspection.snapshot
    #expect(inspection.problems == [])
    #expect(snapshot.processID == 4711 && snapshot.command == "fake")
    #expect(snapshot.ident == 0x1234 && snapshot.runtime == "Fake 1.0")
    #expect(snapshot.tasks.map(\.task) == [1, 2])
    #expect(snapshot.tasks.map(\.threadID) == [5001, 5002])
    #expect(snapshot.tasks.map(\.nextNumber) == [1000, 2000])
    #expect(snapshot.tasks.map(\.counts.submits) == [6, 6])
    #expect(snapshot.names == [""] + (1...12).map { "fibril \($0)" })
    #expect(snapshot.fibrils.map(\.fibril) == Array(1...12))
    #expect(snapshot.fibrils.map(\.task) == [1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2])
    let third = snapshot.fibrils[2]
    #expect(third.state == .blocked && third.reason == .call && third.object == 35 && third.call == 35)
    #expect(third.arguments == [1, 2, 3, 4, 5, 6] && third.nextNumber == 30 && third.name == 3)
    #expect(third.since == 103 && third.parent == 1 && third.entry == 0x40_0000)
    #expect(third.stack.count == 4096 && third.stackPointer == third.stack.lowerBound + 4096 - 512)
    for fibril in snapshot.fibrils {
      let stack = try #require(stacks[fibril.fibril])
      #expect(stack.address == fibril.stackPointer && stack.bytes.count == 512)
      #expect(Array(stack.bytes).load(UInt64.self, at: 8) == fibril.fibril * 1000 + 1)
    }
  }

  @Test func theTextOfAnArgumentComesAlong() throws {
    let process = FakeProcess(tasks: 1, fibrils: 3)
    // Fibril 1's second argument points at a name; fibril 2's at nothing, fibril 3 is in no call.
    var names: UInt64 = 0
    process.changeRoot { names = $0.names }
    process.change(1) { $0.arguments.1 = names + 3 * 64 }
    process.change(3) { $0.call = -1 }
    _ = try process.inspect()
    #expect(process.texts == [1: "fibril 3"])
  }

  @Test func aRunningFibrilIsRunningAndHasNoStaleStack() throws {
    let process = FakeProcess(tasks: 1, fibrils: 3)
    process.changeSlot(ofTask: 1) { $0.running = 2 }
    process.change(2) { $0.sequence = 5 }
    let (inspection, stacks) = try process.inspect()
    let fibril = inspection.snapshot.fibrils[1]
    #expect(fibril.state == .running && !fibril.changedWhileRead && fibril.stackPointer == 0)
    #expect(fibril.reason == .none && stacks[2] == nil)
    #expect(inspection.snapshot.tasks[0].running == 2)
  }

  @Test func anEntryThatChangesOnceIsReadAgain() throws {
    let process = FakeProcess(tasks: 1, fibrils: 8)
    var stackReads = 0
    process.beforeCopy = { [unowned process] _ in
      // The stacks are copied third: slots, heads, chunks and slot, entries come before.
      stackReads += 1
      if stackReads == 6 {
        process.change(5) {
          $0.sequence += 2
          $0.next_number = 77
          $0.state = UInt8(FIBRIL_STATE_RUNNABLE.rawValue)
        }
      }
    }
    let (inspection, stacks) = try process.inspect()
    let fibril = try #require(inspection.snapshot.fibrils.first { $0.fibril == 5 })
    #expect(!fibril.changedWhileRead && fibril.nextNumber == 77 && fibril.state == .runnable)
    #expect(stacks.count == 8 && inspection.snapshot.fibrils.count == 8)
  }

  @Test func anEntryThatNeverStandsStillSaysSo() throws {
    let process = FakeProcess(tasks: 1, fibrils: 4)
    process.beforeCopy = { [unowned process] _ in process.change(3) { $0.sequence &+= 2 } }
    let (inspection, stacks) = try process.inspect()
    #expect(inspection.snapshot.fibrils.map(\.changedWhileRead).filter { $0 }.count == 1)
    #expect(inspection.snapshot.fibrils.first { $0.changedWhileRead }?.fibril == 3)
    #expect(Set(stacks.keys) == [1, 2, 4])
    #expect(process.copies < 200)
  }

  @Test func anOddEntryOfAFibrilThatDoesNotRunIsInTheMidstOfAChange() throws {
    let process = FakeProcess(tasks: 1, fibrils: 2)
    process.change(1) { $0.sequence = 3 }
    let (inspection, stacks) = try process.inspect()
    #expect(inspection.snapshot.fibrils.first { $0.fibril == 1 }?.changedWhileRead == true)
    #expect(Set(stacks.keys) == [2])
  }

  @Test func aChunkArrayThatMovesIsReadAgain() throws {
    let process = FakeProcess(tasks: 1, fibrils: 8)
    var copies = 0
    process.beforeCopy = { [unowned process] _ in
      copies += 1
      // While the old array is read: the slot now names a shorter one.
      if copies == 4 { process.changeSlot(ofTask: 1) { $0.chunk_count = 1 } }
    }
    let (inspection, _) = try process.inspect()
    #expect(inspection.snapshot.fibrils.count == 4)
    #expect(inspection.problems == [])
  }

  @Test func whatCannotBeReadIsSaidAndTheRestIsThere() throws {
    let process = FakeProcess(tasks: 2, fibrils: 4)
    let second = process.address(ofFibril: 2)
    process.holes = [second..<second + 1]
    let stack = process.stack(ofFibril: 6)
    process.holes.append(stack..<stack + 4096)
    let (inspection, stacks) = try process.inspect()
    #expect(inspection.problems == ["a chunk of fibrils of task 1 cannot be read to its end"])
    #expect(inspection.snapshot.fibrils.map(\.fibril) == [1, 5, 6, 7, 8])
    #expect(Set(stacks.keys) == [1, 5, 7, 8])
  }

  /// Those behind it would have the numbers of others.
  @Test func namesEndAtOneThatCannotBeRead() throws {
    let process = FakeProcess(tasks: 1, fibrils: 6)
    var names: UInt64 = 0
    process.changeRoot { names = $0.names }
    process.holes = [names + 3 * 64..<names + 3 * 64 + 1]
    let (inspection, _) = try process.inspect()
    #expect(inspection.snapshot.names == ["", "fibril 1", "fibril 2"])
    #expect(inspection.problems == ["names from number 3 on cannot be read"])
  }

  @Test func appendedFieldsAreSteppedOver() throws {
    let process = FakeProcess(tasks: 1, fibrils: 6, extraEntryBytes: 64)
    let (inspection, stacks) = try process.inspect()
    #expect(inspection.snapshot.fibrils.map(\.fibril) == Array(1...6) && stacks.count == 6)
    #expect(inspection.problems == [])
  }

  @Test func aTableThatNamesAChunkTwiceHasAnEnd() throws {
    let process = FakeProcess(tasks: 2, fibrils: 4)
    var chunks: UInt64 = 0
    process.changeSlot(ofTask: 1) { chunks = $0.chunks }
    process.changeSlot(ofTask: 2) { $0.chunks = chunks }
    let (inspection, _) = try process.inspect()
    #expect(inspection.snapshot.fibrils.count == 4)
    #expect(inspection.problems == ["task 2 names a chunk of fibrils twice"])
  }

  struct Damage: Sendable {
    var detail: String
    var change: @Sendable (inout fibril_root) -> Void
  }

  @Test(arguments: [
    Damage(detail: "its fibril table does not begin as one") { $0.magic = 1 },
    Damage(detail: "its fibril table has version 9") { $0.version = 9 },
    Damage(detail: "the table's root is cut short") { $0.bytes = 8 },
    Damage(detail: "the table gives impossible sizes") { $0.fibril_bytes = 16 },
    Damage(detail: "the table gives impossible sizes") { $0.task_bytes = .max },
    Damage(detail: "the table claims 4294967295 tasks") { $0.task_slots = .max },
    Damage(detail: "the table claims 4294967295 names") { $0.name_count = .max },
  ])
  func damageIsNamed(_ damage: Damage) throws {
    let process = FakeProcess(tasks: 1, fibrils: 1)
    process.changeRoot(damage.change)
    #expect(throws: InspectionError.damagedTable(4711, detail: damage.detail)) { try process.inspect() }
  }

  @Test func anEmptyRootIsNoTableYet() throws {
    let process = FakeProcess(tasks: 1, fibrils: 1)
    process.changeRoot { $0.magic = 0 }
    #expect(throws: InspectionError.noTable(4711)) { try process.inspect() }
  }
}
