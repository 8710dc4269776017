/// A stack's usable bytes, [low, high). Below low lies its guard.
struct Stack {
  var low: UInt64
  var high: UInt64

  /// Where the first frame begins, at most a 64th of the stack and 960 bytes below `high`. Stacks lie a
  /// power of two apart, and what their fibrils touch would fall into the same few lines of the cache:
  /// they take turns among 16. No more, so that a fibril parked in a few frames still touches one page.
  var start: UInt64 { high &- (high >> 16 & min(15, (high &- low) >> 12)) &* 64 }

  /// A word of a free stack, in the line that its next fibril touches first.
  var link: UnsafeMutablePointer<UInt64> { unsafe UnsafeMutablePointer(bitPattern: UInt(start) - 8)! }
}
