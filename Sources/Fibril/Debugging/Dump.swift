internal import CFibril

// What every fibril of the process does, written by the process itself. All of it is C (CFibril/dump.c),
// which a signal handler may call.

extension Fibril {
  /// Writes what every fibril of the process does and its stack to a file descriptor, in the layout of
  /// `fibril dump`, with places in modules instead of functions' names: `fibril dump --symbolize FILE`
  /// puts those in, also on another machine.
  ///
  /// May be called everywhere: in a fibril, on any other thread, in a signal handler. It takes no lock and no
  /// memory of the C library, and the other tasks go on meanwhile. The calling thread waits until all is written.
  /// - Parameter descriptor: Where to write; standard error if not given.
  /// - Returns: Whether all of it could be written.
  @discardableResult
  public static func dump(to descriptor: Int32 = 2) -> Bool { writeDump(to: descriptor) == 0 }

  /// The same. Returns 0 or -errno.
  @inline(__always)
  package static func writeDump(to descriptor: Int32) -> Int32 { Int32(fibril_dump_here(descriptor)) }

  /// From here on the signal SIGQUIT, which `kill -QUIT` and Ctrl-\ send, writes such a dump to standard error,
  /// and whatever handled the signal before does not get it any more. Called again, the last call counts.
  /// - Parameter goesOn: Whether the process goes on afterwards. If not, it ends by the signal, with a core file
  ///   where those are enabled.
  public static func dumpOnQuit(goesOn: Bool = false) { fibril_dump_quit(goesOn) }
}
