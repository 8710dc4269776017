// What the commands that trace have in common: how they fail, and how large their ring may be.
internal import ArgumentParser
internal import BPFLoader

enum Tracing {
  /// Runs a command's body. What it throws is said, and becomes the exit status.
  static func run(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as BPFError {
      throw Diagnostics.failure(error, status: error.kind == .lacking ? ExitStatus.machineLacks : .failure)
    } catch let error as ExitCode {
      throw error
    } catch {
      throw Diagnostics.failure(error)
    }
  }
}

extension SizeArgument {
  /// Throws `ValidationError` if no ring can be of this size.
  func validateAsRing() throws {
    guard (64 << 10...1 << 30).contains(bytes), bytes.nonzeroBitCount == 1 else {
      throw ValidationError("--buffer must be a power of two from 64KiB to 1GiB, such as 256MiB")
    }
  }
}
