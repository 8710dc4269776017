internal import Fibril
internal import Glibc

// How the C interface tells of failures: by a negated errno.

/// Runs `body` on a thread that is a task; -ESRCH on another.
@inline(__always)
func onTask(_ body: () -> Int32) -> Int32 { Fibril.currentID == 0 ? -ESRCH : body() }

/// 0, or why the wait ended early.
@inline(__always)
func result(of wait: () throws(WaitError) -> Void) -> Int32 {
  do throws(WaitError) {
    try wait()
    return 0
  } catch {
    return error.code
  }
}

extension WaitError {
  var code: Int32 {
    switch self {
    case .cancelled: -EINTR
    case .timedOut: -ETIMEDOUT
    }
  }
}
