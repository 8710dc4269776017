internal import CFibril
internal import CFibrilContract
internal import Glibc

/// The classes of all numbers, looked up in one byte each, and what became of watched calls: one that
/// held up its task goes to helpers for a while.
@safe struct InlineCalls {
  /// A call that takes longer than this inline, because it waited, is a stall: about 1 ms, in ticks.
  private let stallTicks: UInt64
  /// No call in memory takes so long: 20 µs.
  let directTicks: UInt64
  /// By number.
  private let table: UnsafeMutablePointer<Plan>
  let attempts = AttemptHints()
  let hangingMounts = HangingMounts()
  /// How often this thread had given up its processor by itself when it was `sleeps` that the task had
  /// slept in the kernel.
  private let voluntarySwitches: UnsafeMutablePointer<(sleeps: UInt64, switches: UInt64)>

  private struct Plan {
    var callClass: CallClass
    var callsByHelper: UInt8 = 0

    @inline(__always)
    var isWatched: Bool { callClass == .watched || callClass == .closing }
  }

  /// After a stall this many calls of its number go to helpers.
  private static let callsByHelperAfterStall: UInt8 = 64

  /// Whether watched calls are ever run in turn.
  private let runsFileCallsInline: Bool

  init(runsFileCallsInline: Bool) {
    self.runsFileCallsInline = runsFileCallsInline
    stallTicks = fibril_ticks_a_millisecond()
    directTicks = fibril_ticks_a_millisecond() / 50
    unsafe voluntarySwitches = .allocate(capacity: 1)
    unsafe voluntarySwitches.initialize(to: (.max, 0))
    unsafe table = .allocate(capacity: CallClass.lastKnown + 1)
    for number in 0...CallClass.lastKnown {
      unsafe (table + number).initialize(
        to: Plan(callClass: CallClass(SystemCall.Number(rawValue: Int32(number)))))
    }
  }

  func deallocate() {
    unsafe table.deallocate()
    unsafe voluntarySwitches.deallocate()
    attempts.deallocate()
    hangingMounts.deallocate()
  }

  /// Whether a call on a name or a file may wait for another party.
  var filesMayHang: Bool { !runsFileCallsInline || hangingMounts.areThere }

  /// How the next call of this number is to run; never `.watched`.
  @inline(__always)
  func choose(_ number: Int32) -> CallClass {
    guard number >= 0, number <= CallClass.lastKnown else { return .inline }
    let plan = unsafe table[Int(number)]
    return plan.callClass == .watched ? chooseWatched(number, plan) : plan.callClass
  }

  /// The same for a call that closes something which does not wait by itself.
  func chooseClosing(_ number: Int32) -> CallClass { unsafe chooseWatched(number, table[Int(number)]) }

  private func chooseWatched(_ number: Int32, _ plan: Plan) -> CallClass {
    guard !filesMayHang else { return .helper }
    guard plan.callsByHelper > 0 else { return .inline }
    unsafe table[Int(number)].callsByHelper -= 1
    return .helper
  }

  /// Runs a call in turn and counts it as a stall if it held up the task.
  @inline(__always)
  func run(_ call: SystemCall, counts: inout fibril_counts) -> Int64 {
    let number = call.number.rawValue
    guard number >= 0, number <= CallClass.lastKnown, unsafe table[Int(number)].isWatched else {
      return call.run()
    }
    return runWatched(call, &counts)
  }

  private func runWatched(_ call: SystemCall, _ counts: inout fibril_counts) -> Int64 {
    if unsafe voluntarySwitches.pointee.sleeps != counts.sleeps {
      unsafe voluntarySwitches.pointee = (counts.sleeps, fibril_voluntary_switches())
    }
    let before = fibril_ticks()
    let result = call.run()
    if fibril_ticks() &- before > stallTicks, hasWaited() {
      counts.inline_stalls += 1
      unsafe table[Int(call.number.rawValue)].callsByHelper = InlineCalls.callsByHelperAfterStall
    }
    return result
  }

  /// Whether the thread has waited since the last look, and was not only kept from its processor.
  private func hasWaited() -> Bool {
    let switches = fibril_voluntary_switches()
    defer { unsafe voluntarySwitches.pointee.switches = switches }
    return unsafe switches != voluntarySwitches.pointee.switches
  }
}
