// Has `swift build` compile every bpf/*.bpf.c with the toolchain's own clang and embed the objects.
import Foundation
import PackagePlugin

@main
struct CompileBPF: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let root = context.package.directoryURL
    let sources = root.appending(path: "bpf")
    let contracts = sources.appending(path: "include")
    let clang = try context.tool(named: "clang").url
    let embedder = try context.tool(named: "embed-bytes").url
    let headers = try files(in: contracts, ending: ".h") + files(in: sources, ending: ".h")

    return try files(in: sources, ending: ".bpf.c").map { source in
      let name = source.lastPathComponent.dropLast(".bpf.c".count)
      let output = context.pluginWorkDirectoryURL.appending(path: "\(name).bpf.swift")
      let compile = [
        clang.path, "-target", "bpf", "-mcpu=v3", "-g", "-O2", "-Wall", "-Werror",
        // BTF keeps the source's path: the object must not depend on where it was built.
        "-ffile-prefix-map=\(root.path)=.",
        "-D__TARGET_ARCH_\(Machine.kernelName)",
        // The bpf target knows no multiarch folder, and <linux/types.h> wants its <asm/types.h>.
        "-idirafter", "/usr/include/\(Machine.multiarchName)",
        "-I", contracts.path, "-c", source.path, "-o", "-",
      ]
      // Only the Swift file is an output: an object listed here would become a resource.
      return .buildCommand(
        displayName: "Compiling BPF \(source.lastPathComponent)", executable: embedder,
        arguments: ["object", output.path, "\(name)Object"] + compile, inputFiles: [source] + headers,
        outputFiles: [output])
    }
  }

  private func files(in folder: URL, ending suffix: String) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.lastPathComponent.hasSuffix(suffix) }
      .sorted { $0.path < $1.path }
  }
}

/// The machine that builds is the one that traces: a BPF program reads its registers.
private enum Machine {
  #if arch(arm64)
    static let kernelName = "arm64"
    static let multiarchName = "aarch64-linux-gnu"
  #else
    static let kernelName = "x86"
    static let multiarchName = "x86_64-linux-gnu"
  #endif
}
