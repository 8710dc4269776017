// Has `swift build` embed the live page's files, dashboards/web/*.html, *.css and *.js.
import Foundation
import PackagePlugin

@main
struct EmbedPages: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
    let folder = context.package.directoryURL.appending(path: "dashboards/web")
    let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { ["html", "css", "js"].contains($0.pathExtension) }
      .sorted { $0.path < $1.path }
    let output = context.pluginWorkDirectoryURL.appending(path: "pages.swift")
    return [
      .buildCommand(
        displayName: "Embedding the live page", executable: try context.tool(named: "embed-bytes").url,
        arguments: ["pages", output.path, "embeddedPages"] + files.map(\.path), inputFiles: files,
        outputFiles: [output])
    ]
  }
}
