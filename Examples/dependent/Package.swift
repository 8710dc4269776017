// swift-tools-version: 6.3
import PackageDescription

// A package of its own that uses the library, as yours would; outside this repository write
//   .package(url: "https://github.com/.../fibril", from: "0.1.0")
let package = Package(
  name: "hello",
  dependencies: [.package(name: "fibril", path: "../..")],
  targets: [
    .executableTarget(name: "hello", dependencies: [.product(name: "Fibril", package: "fibril")])
  ]
)
