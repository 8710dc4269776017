// What `fibril serve` refuses before it touches any process, and the unit that it prints.
import Foundation
import Testing

@testable import FibrilCLI

@Suite struct ServeCommandTests {
  @Test(arguments: [
    ["-p", "0"], ["-p", "x"], ["-p", "1", "-a"], ["-a", "--comm", "x"], ["--comm", ""],
    ["--comm", "sixteen-letters-"], ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:65536"],
    ["--listen", "example.org:80"], ["--listen", "::1:80"], ["--listen", "[127.0.0.1]:80"], ["--listen", "127.1:80"],
    ["--listen", "0.0.0.0:0"], ["--listen", "[::]:0"], ["--listen", "[::ffff:127.0.0.1]:0"],
    ["--listen", "10.0.0.1:0"],
    ["--buffer", "3MiB"], ["-p", "1", "--systemd-unit"],
    ["--token-file", "token", "--systemd-unit"], ["x"],
  ])
  func wrongUsageIs64(arguments: [String]) throws {
    let run = try Run("fibril", ["serve"] + arguments)
    #expect(run.status == 64 && run.output == "" && run.errors.contains("--help' for more information"))
  }

  @Test func anAddressForOthersTakesAToken() throws {
    let run = try Run("fibril", ["serve", "--listen", "0.0.0.0:0"])
    #expect(
      run.errors.hasPrefix(
        "Error: 0.0.0.0:0 can be reached from elsewhere: say with --token-file who may read, or listen at 127.0.0.1\n"))
  }

  @Test(arguments: [
    ("127.0.0.1:9464", "127.0.0.1", 9464, true), (":0", "127.0.0.1", 0, true), ("localhost:1", "127.0.0.1", 1, true),
    ("[::1]:9464", "::1", 9464, true), ("[0:0:0:0:0:0:0:1]:1", "0:0:0:0:0:0:0:1", 1, true),
    ("127.255.0.9:1", "127.255.0.9", 1, true), ("0.0.0.0:1", "0.0.0.0", 1, false), ("[::]:1", "::", 1, false),
    ("[::2]:1", "::2", 1, false), ("128.0.0.1:65535", "128.0.0.1", 65535, false),
  ])
  func addresses(text: String, host: String, port: UInt16, isLoopback: Bool) throws {
    let address = try #require(ListenAddress(argument: text))
    #expect(address.host == host && address.port == port && address.isLoopback == isLoopback)
  }

  /// What stands in a token's file, its mode, and what is said of it; nil: it is taken.
  @Test(arguments: [
    ("0123456789abcdef", 0o600, nil), ("0123456789abcdef\n", 0o440, nil), ("0123456789abcdef\r\n", 0o600, nil),
    (String(repeating: "x", count: 256) + "\n", 0o600, nil),
    ("0123456789abcdef\n", 0o644, "everybody may read or write it; try `chmod o= "),
    ("0123456789abcdef\n", 0o602, "everybody may read or write it; try `chmod o= "),
    ("0123456789abcde\n", 0o600, "a token has 16 to 256 letters"), ("", 0o600, "a token has 16 to 256 letters"),
    ("0123456789abcdef\n\n", 0o600, "a token has 16 to 256 letters"),
    ("0123456789 abcdef\n", 0o600, "a token has 16 to 256 letters"),
    (String(repeating: "x", count: 257), 0o600, "a token has 16 to 256 letters"),
    (String(repeating: "x", count: 100_000), 0o600, "a token has 16 to 256 letters"),
  ])
  func tokens(text: String, mode: mode_t, complaint: String?) throws {
    let path = FileManager.default.temporaryDirectory.appending(path: "fibril-token-\(UUID().uuidString)").path
    try Data(text.utf8).write(to: URL(filePath: path))
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(unsafe chmod(path, mode) == 0)
    guard let complaint else {
      let trimmed = text.trimmingCharacters(in: .newlines)
      #expect(try AccessToken(file: path).bytes == Array(trimmed.utf8))
      return
    }
    let error = #expect(throws: TokenError.self) { try AccessToken(file: path) }
    #expect(error?.description.hasPrefix("cannot take the token from \(path): \(complaint)") == true)
  }

  @Test(arguments: [
    ("/dev/null", "it is no file"), ("/", "it is no file"), ("/nowhere/token", "No such file or directory"),
  ])
  func noTokenFile(path: String, cause: String) throws {
    let run = try Run("fibril", ["serve", "--listen", "0.0.0.0:0", "--token-file", path])
    #expect(run.status == 1)
    #expect(
      run.errors == "fibril: cannot take the token from \(path): \(cause); name another with --token-file\n")
  }

  @Test func theUnitQuotesWhatItIsGiven() throws {
    let run = try Run(
      "fibril",
      ["serve", "--comm", "a %$\"\\", "--listen", "[::]:9464", "--token-file", "/etc/50% to\\ken", "--systemd-unit"])
    #expect(run.status == 0 && run.errors == "")
    let lines = run.output.split(separator: "\n")
    #expect(
      lines.contains {
        $0.hasPrefix("ExecStart=/")
          && $0.hasSuffix(#"/fibril serve --comm "a %%$$\"\\" --listen [::]:9464 --token-file %d/token"#)
      })
    #expect(lines.contains(#"LoadCredential=token:/etc/50%% to\ken"#))
    #expect(try Run("fibril", ["serve", "--systemd-unit"]).output.contains("LoadCredential") == false)
  }
}
