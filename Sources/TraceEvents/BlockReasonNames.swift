// The names of block reasons, for exported traces and metrics.

/// Names of block reasons.
public enum BlockReasonNames {
  /// `wake_target`; empty for none, nil if the number has no name.
  public static func name(of reason: BlockReason) -> String? {
    reason.rawValue < UInt32(names.count) ? names[Int(reason.rawValue)] : nil
  }

  /// All, by number.
  public static let names = [
    "", "call", "wake_target", "join", "completions", "sleep", "mutex", "semaphore", "condition", "send", "receive",
  ]
}
