// swift-tools-version: 6.3
import PackageDescription

/// What every Swift target of this package is compiled with.
let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

func swift(_ name: String, _ dependencies: [Target.Dependency] = [], plugins: [Target.PluginUsage] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict, plugins: plugins)
}

func command(_ name: String, _ dependencies: [Target.Dependency], path: String? = nil) -> Target {
  .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
  .testTarget(name: name, dependencies: dependencies, resources: resources, swiftSettings: strict)
}

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "fibril",
  products: [
    .library(name: "Fibril", targets: ["Fibril"]),
    .library(name: "fibrilrt", type: .dynamic, targets: ["CInterface"]),
    .executable(name: "fibril", targets: ["FibrilCLI"]),
    .executable(name: "treewalk", targets: ["treewalk"]),
    .executable(name: "fibril-workload", targets: ["fibril-workload"]),
    .executable(name: "fibril-bench", targets: ["fibril-bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.0"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    // The contracts, in C, which everything else includes.
    .target(
      name: "CFibrilContract", path: "bpf", sources: ["contract.c"], publicHeadersPath: "include"),

    // The runtime. It imports nothing of the tracer.
    .target(name: "CFibril", dependencies: ["CFibrilContract"]),
    swift("Fibril", ["CFibril", "CFibrilContract"]),
    // Its C interface: fibril.h, and what is behind it, of which libfibrilrt.so is made.
    .target(name: "FibrilC"),
    swift("CInterface", ["Fibril", "FibrilC"]),

    // The tracer. It imports nothing of the runtime.
    .systemLibrary(name: "CLibbpf", pkgConfig: "libbpf", providers: [.apt(["libbpf-dev"])]),
    .systemLibrary(name: "CLibelf", pkgConfig: "libelf", providers: [.apt(["libelf-dev"])]),
    .systemLibrary(name: "CLibdw", pkgConfig: "libdw", providers: [.apt(["libdw-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CSystemCalls"),
    swift("Texts"),
    swift("TraceEvents", ["CFibrilContract", "CSystemCalls", "CZlib"]),
    swift("ELFNotes", ["CLibelf"]),
    swift("BPFObjects", plugins: ["CompileBPF"]),
    swift("BPFLoader", ["BPFObjects", "CLibbpf", "CFibrilContract", "ELFNotes", "TraceEvents"]),
    swift("Timeline", ["TraceEvents", .product(name: "Histogram", package: "hdrhistogram-swift")]),
    swift("Exporters", ["Timeline", "TraceEvents"]),
    swift("FlightRecorder", ["Exporters", "Timeline", "TraceEvents"]),
    swift("Metrics", ["Texts", "Timeline", "TraceEvents"]),
    swift("Replay", ["Exporters", "Timeline", "TraceEvents"]),
    swift(
      "Serving",
      [
        .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ], plugins: ["EmbedPages"]),
    swift("Inspection", ["CFibrilContract", "CSystemCalls", "ELFNotes", "TraceEvents"]),
    swift("Symbols", ["CLibdw"]),
    swift("Dumping", ["CSystemCalls", "ELFNotes", "Inspection", "Symbols", "Texts", "TraceEvents"]),
    command(
      "FibrilCLI",
      [
        "BPFLoader", "CSystemCalls", "Dumping", "ELFNotes", "Exporters", "FlightRecorder", "Inspection", "Metrics",
        "Replay", "Serving", "Symbols", "Texts", "Timeline", "TraceEvents", argumentParser,
      ]),

    command("treewalk", ["Fibril", argumentParser], path: "Examples/treewalk"),
    command("fibril-workload", ["Fibril", argumentParser], path: "Examples/fibril-workload"),
    command("fibril-bench", ["Fibril", argumentParser], path: "Benchmarks/fibril-bench"),

    .executableTarget(name: "embed-bytes", path: "Plugins/embed-bytes", swiftSettings: strict),
    .plugin(name: "CompileBPF", capability: .buildTool(), dependencies: ["embed-bytes"]),
    .plugin(name: "EmbedPages", capability: .buildTool(), dependencies: ["embed-bytes"]),

    command("fibril-stress", ["ExceptionShim", "Fibril"], path: "Tests/fibril-stress"),
    command("fibril-harm", ["Fibril"], path: "Tests/fibril-harm"),
    command("fibril-soak", ["BPFLoader", "ELFNotes", "TraceEvents"], path: "Tests/fibril-soak"),
    .target(name: "GoldenFiles", path: "Tests/GoldenFiles", swiftSettings: strict),
    .target(
      name: "MadeRecordings", dependencies: ["CFibrilContract", "TraceEvents"], path: "Tests/MadeRecordings",
      swiftSettings: strict),
    .target(name: "ExceptionShim", path: "Tests/ExceptionShim"),
    tests("FibrilTests", ["ExceptionShim", "Fibril"]),
    tests("TraceEventsTests", ["TraceEvents", "CFibrilContract", "CSystemCalls"]),
    tests("TimelineTests", ["CFibrilContract", "FlightRecorder", "Timeline", "TraceEvents"]),
    tests("ExportersTests", ["Exporters", "GoldenFiles", "Timeline", "TraceEvents"], resources: [.copy("Golden")]),
    tests("ReplayTests", ["CFibrilContract", "Exporters", "MadeRecordings", "Replay", "Timeline", "TraceEvents"]),
    tests(
      "MetricsTests",
      ["CFibrilContract", "GoldenFiles", "MadeRecordings", "Metrics", "Texts", "Timeline", "TraceEvents"],
      resources: [.copy("Golden")]),
    tests("ServingTests", ["Serving"]),
    tests("ELFNotesTests", ["ELFNotes", "fibril-workload"]),
    tests("InspectionTests", ["Dumping", "Inspection", "Symbols", "TraceEvents", "CFibrilContract"]),
    tests("SymbolsTests", ["CLibdw", "Symbols"]),
    tests(
      "DumpingTests",
      ["CFibrilContract", "Dumping", "ELFNotes", "GoldenFiles", "Inspection", "Symbols", "Texts", "TraceEvents"],
      resources: [.copy("Golden")]),
    tests(
      "LiveTests",
      [
        "FibrilCLI", "BPFLoader", "ELFNotes", "Inspection", "Symbols", "Timeline", "TraceEvents", "fibril-harm",
        "fibril-soak", "fibril-stress", "fibril-workload", "treewalk",
      ]),
    tests(
      "CommandLineTests", ["CFibrilContract", "FibrilCLI", "GoldenFiles", "TraceEvents", "fibril-workload"],
      resources: [.copy("Golden")]),
  ],
  swiftLanguageModes: [.v6]
)
