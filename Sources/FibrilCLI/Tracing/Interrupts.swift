// Ctrl-C and its kin as something to wait for, instead of an end in the middle of a file.
internal import CSystemCalls
internal import Glibc

/// Holds back SIGINT, SIGTERM, SIGHUP and, if asked, SIGUSR1 from here on, and SIGPIPE for good.
struct Interrupts: ~Copyable {
  /// Readable when one of them has come.
  let descriptor: Int32
  /// The signals that were blocked before.
  private(set) var originalMask: sigset_t
  /// Those that end a trace.
  private var endings: sigset_t

  init(alsoUser: Bool = false) {
    // A reader that goes away shows as EPIPE where it is written to.
    signal(SIGPIPE, SIG_IGN)
    var held = sigset_t()
    originalMask = sigset_t()
    unsafe _ = sigemptyset(&held)
    endings = sigset_t()
    unsafe _ = sigemptyset(&endings)
    for signal in [SIGINT, SIGTERM, SIGHUP] {
      unsafe _ = sigaddset(&held, signal)
      unsafe _ = sigaddset(&endings, signal)
    }
    if alsoUser { unsafe _ = sigaddset(&held, SIGUSR1) }
    unsafe _ = sigprocmask(SIG_BLOCK, &held, &originalMask)
    descriptor = unsafe max(-1, fibril_signal_descriptor(&held))
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Takes the signal that has come and returns it. Unless it is SIGUSR1, lets the next one end the program:
  /// finishing may take long when nobody reads what is written.
  func acceptNext() -> Int32 {
    // A struct signalfd_siginfo is 128 bytes long on every machine, and begins with the signal's number.
    var information = [UInt32](repeating: 0, count: 32)
    unsafe _ = read(descriptor, &information, 128)
    let signal = Int32(bitPattern: information[0])
    if signal != SIGUSR1 {
      var ending = endings
      unsafe _ = sigprocmask(SIG_UNBLOCK, &ending, nil)
    }
    return signal
  }
}
