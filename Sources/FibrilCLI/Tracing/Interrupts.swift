// Ctrl-C and its kin as something to wait for, instead of an end in the middle of a file.
internal import CSystemCalls
internal import Glibc

/// Holds back SIGINT, SIGTERM and SIGHUP from here on, and SIGPIPE for good.
struct Interrupts: ~Copyable {
  /// Readable when one of them has come.
  let descriptor: Int32
  /// The signals that were blocked before.
  private(set) var originalMask: sigset_t

  init() {
    // A reader that goes away shows as EPIPE where it is written to.
    signal(SIGPIPE, SIG_IGN)
    var held = sigset_t()
    originalMask = sigset_t()
    unsafe _ = sigemptyset(&held)
    for signal in [SIGINT, SIGTERM, SIGHUP] { unsafe _ = sigaddset(&held, signal) }
    unsafe _ = sigprocmask(SIG_BLOCK, &held, &originalMask)
    descriptor = unsafe max(-1, fibril_signal_descriptor(&held))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Takes the signal that has come, and lets the next one end the program: finishing may take long
  /// when nobody reads what is written.
  func acceptNext() {
    // A struct signalfd_siginfo is 128 bytes long on every machine.
    var information = [UInt8](repeating: 0, count: 128)
    unsafe _ = read(descriptor, &information, information.count)
    var mask = originalMask
    unsafe _ = sigprocmask(SIG_SETMASK, &mask, nil)
  }
}
