internal import CFibril
internal import CFibrilContract

/// The classes of all numbers, looked up in one byte each, and what became of watched calls: one that
/// held up its task goes to helpers for a while.
@safe struct InlineCalls {
  /// A call that takes longer than this inline is a stall: about 1 ms, in ticks.
  private let stallTicks: UInt64
  /// By number.
  private let table: UnsafeMutablePointer<Plan>

  private struct Plan {
    var callClass: CallClass
    var callsByHelper: UInt8 = 0
  }

  /// After a stall this many calls of its number go to helpers.
  private static let callsByHelperAfterStall: UInt8 = 64

  /// Whether watched calls are ever run in turn.
  private let runsFileCallsInline: Bool

  init(runsFileCallsInline: Bool) {
    self.runsFileCallsInline = runsFileCallsInline
    stallTicks = fibril_ticks_a_millisecond()
    unsafe table = .allocate(capacity: CallClass.lastKnown + 1)
    for number in 0...CallClass.lastKnown {
      unsafe (table + number).initialize(
        to: Plan(callClass: CallClass(SystemCall.Number(rawValue: Int32(number)))))
    }
  }

  func deallocate() { unsafe table.deallocate() }

  /// How the next call of this number is to run; never `.watched`.
  mutating func choose(_ number: Int32) -> CallClass {
    guard number >= 0, number <= CallClass.lastKnown else { return .inline }
    let plan = unsafe table[Int(number)]
    guard plan.callClass == .watched else { return plan.callClass }
    guard runsFileCallsInline else { return .helper }
    guard plan.callsByHelper > 0 else { return .inline }
    unsafe table[Int(number)].callsByHelper -= 1
    return .helper
  }

  /// Runs a call in turn and counts it in `stalls` if it held up the task.
  func run(_ call: SystemCall, stalls: inout UInt64) -> Int64 {
    let (a, b, c, d, e, f) = call.arguments
    let number = call.number.rawValue
    guard number >= 0, number <= CallClass.lastKnown, unsafe table[Int(number)].callClass == .watched else {
      return fibril_system_call(Int64(number), a, b, c, d, e, f)
    }
    let before = fibril_ticks()
    let result = fibril_system_call(Int64(number), a, b, c, d, e, f)
    if fibril_ticks() &- before > stallTicks {
      stalls += 1
      unsafe table[Int(number)].callsByHelper = InlineCalls.callsByHelperAfterStall
    }
    return result
  }
}
