// Programs in C that tests compile with the compilers of this machine.
import Foundation

/// A program compiled into its own folder, which goes with the value.
struct CompiledProgram {
  let folder: TemporaryFolder
  let path: String

  /// How a C program is compiled. All of them optimise, without which a leaf function has no red zone.
  enum Compiler: String, CaseIterable, Sendable {
    case cc = "cc -std=gnu11"
    case clang = "clang -std=gnu11"
    case cxx = "g++ -U_GNU_SOURCE -x c++ -std=gnu++17"
  }

  struct Failure: Error { var text: String }

  /// From sources under the package's folder, or from a text.
  init(_ sources: [String] = [], text: String? = nil, by compiler: Compiler = .cc, flags: [String] = []) throws {
    folder = try TemporaryFolder()
    path = folder.file("program")
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
    var files = sources.map { package.appending(path: $0).path }
    if let text {
      files.append(folder.file("program.c"))
      try Data(text.utf8).write(to: URL(filePath: files.last!))
    }
    let arguments =
      compiler.rawValue.split(separator: " ").map(String.init) + ["-O2", "-Wall", "-Wextra", "-Werror"] + flags
      + ["-I", package.appending(path: "bpf/include").path, "-o", path] + files + ["-lm", "-lpthread"]
    let run = try ToolRun("/usr/bin/env", arguments)
    guard run.status == 0 else { throw Failure(text: run.errors) }
  }
}
