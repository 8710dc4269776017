internal import CFibril
internal import Glibc

/// Whether a file system is mounted, where the task's thread sees it, that may hang because another
/// party serves it: FUSE, or one over a network. While there is one, calls on names and on files of
/// whatever kind are not made in turn, for a name does not say where it leads.
///
/// The kernel tells of a change, and is asked every 10 ms at most: a mount is seen that much late.
@safe struct HangingMounts {
  private struct State {
    /// Of /proc/thread-self/mountinfo; -1: not open.
    var descriptor: CInt = -1
    var areThere = false
    /// When to look again, in ticks.
    var nextLook: UInt64 = 0
  }

  private let state: UnsafeMutablePointer<State>

  private static let millisecondsBetweenLooks: UInt64 = 10

  init() {
    unsafe state = .allocate(capacity: 1)
    unsafe state.initialize(to: State())
  }

  func deallocate() {
    forget()
    unsafe state.deallocate()
  }

  @inline(__always)
  var areThere: Bool {
    if unsafe fibril_ticks() >= state.pointee.nextLook { look() }
    return unsafe state.pointee.areThere
  }

  /// The thread may see other mounts now.
  func forget() {
    if unsafe state.pointee.descriptor >= 0 { close(unsafe state.pointee.descriptor) }
    unsafe state.pointee = State()
  }

  @inline(never)
  private func look() {
    var hasChanged = true
    if unsafe state.pointee.descriptor < 0 {
      unsafe state.pointee.descriptor = unsafe open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC)
    } else {
      hasChanged = unsafe fibril_mounts_have_changed(state.pointee.descriptor)
    }
    // Without /proc there is no telling.
    if hasChanged {
      unsafe state.pointee.areThere =
        unsafe state.pointee.descriptor < 0 || fibril_mounts_may_hang(state.pointee.descriptor)
    }
    unsafe state.pointee.nextLook = fibril_ticks() + Self.millisecondsBetweenLooks * fibril_ticks_a_millisecond()
  }
}
