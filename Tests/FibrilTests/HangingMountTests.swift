import Fibril
import Glibc
import Testing

/// What counts as a file system that may hang: calls on names then go to helpers.
@Suite struct HangingMountTests {
  /// Whether a look at a name is done by a helper once `type` is mounted, on a thread that sees it alone.
  private static func goesToHelpers(
    _ name: String, mounting type: String, _ options: @Sendable @escaping (CInt) -> String
  ) throws -> Bool? {
    try onTask { task in
      let directory = "/tmp/fibril-mount-\(getpid())-\(name)"
      unsafe mkdir(directory, 0o700)
      defer { unsafe rmdir(directory) }
      let pipe = TestPipe()
      _ = try Asys.call(SystemCall(.unshare, 0x20000))  // CLONE_NEWNS
      guard unsafe mount(nil, "/", nil, UInt(MS_REC) | UInt(MS_PRIVATE), nil) == 0,
        unsafe mount("test", directory, type, 0, options(pipe.writing)) == 0
      else { return nil }
      defer { unsafe umount2(directory, CInt(MNT_DETACH)) }
      var status = stat()
      unsafe try withUnsafeMutableBytes(of: &status) { status in
        _ = unsafe try "/tmp".withCString {
          unsafe try Asys.call(.newfstatat(AT_FDCWD, $0, into: status.baseAddress!, flags: 0))
        }
      }
      return Asys.helperThreads > 0
    }
  }

  @Test func anAutomountMayHang() throws {
    let hangs = try Self.goesToHelpers("autofs", mounting: "autofs") { "fd=\($0),minproto=5,maxproto=5,direct" }
    #expect(hangs == true, "nil: no autofs here, or not the right to mount: run as root")
  }

  @Test func whatTheKernelServesDoesNot() throws {
    let hangs = try Self.goesToHelpers("tmpfs", mounting: "tmpfs") { _ in "size=1m" }
    #expect(hangs == false, "nil: not the right to mount: run as root")
  }
}
