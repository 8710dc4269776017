// Decoded arguments of system calls: as recorded, as the kernel's headers have them, and whatever is given.
import Foundation
import Inspection
import GoldenFiles
import Testing
import TraceEvents

@testable import Dumping
import Texts

@Suite struct CallArgumentsTests {
  #if arch(x86_64)
    @Test func callsAreDecodedAsRecorded() throws {
      #expect(CallCase.all.count > 200)
      let text = CallCase.all.map { $0.text + "\n" }.joined()
      #expect(try GoldenFile("calls.txt", in: .module).difference(to: text) == nil)
    }
  #endif

  @Test func theTableNamesCallsThatThereAre() {
    let names = CallSignature.lines.flatMap(\.names)
    #expect(names.count >= 200 && Set(names).count == names.count)
    for name in names { #expect(CallCase.numbers[String(name)] != nil, "\(name)") }
    for line in CallSignature.lines { #expect(line.words.count <= 6) }
  }

  @Test func unknownArgumentsAreNotMadeUp() {
    func text(_ call: UInt32, _ arguments: [UInt64]) -> String {
      var text = ByteText()
      CallArguments.append(call: call, arguments, [], to: &text)
      return String(decoding: text.bytes, as: UTF8.self)
    }
    #expect(text(CallCase.numbers["openat"]!, []) == "openat(...)")
    #expect(text(CallCase.numbers["sched_yield"]!, []) == "sched_yield()")
    #expect(text(.max, [1, 0xffff_fff0, 0, 0]) == "system call 4294967295(1, -16)")
    #expect(text(CallCase.numbers["read"]!, [7]) == "read(7, NULL, 0)")
  }

  @Test func aDescriptorIsLookedUpOnce() {
    var lookUps: [Int32] = []
    let names = DescriptorNames {
      lookUps.append($0)
      return [0x1b, 0x61]
    }
    for _ in 0..<3 {
      var text = ByteText()
      CallArguments.append(call: CallCase.numbers["dup2"]!, [3, 4], [], descriptors: names, to: &text)
      #expect(String(decoding: text.bytes, as: UTF8.self) == #"dup2(3<\x1ba>, 4<\x1ba>)"#)
    }
    #expect(lookUps == [3, 4])
  }

  /// Any call, any arguments, any memory: short text that steers no terminal.
  @Test func whateverAProcessHolds() {
    var random = SeededGenerator(seed: 5)
    let interesting: [UInt64] = [0, 1, 2, 3, 6, 16, 0xff, 1 << 31, 0xffff_ffff, 1 << 32, 1 << 63, .max, .max - 99]
    for call in UInt32(0)..<600 {
      for _ in 0..<40 {
        let arguments = (0..<6).map { _ in
          switch random.next() % 3 {
          case 0: interesting[Int(random.next() % UInt64(interesting.count))]
          case 1: random.next() % 64
          default: random.next()
          }
        }
        let pointed = CallArguments.pointed(call, arguments).compactMap { range -> PointedBytes? in
          #expect(range.bytes > 0 && range.bytes <= 256 && arguments[range.argument] == range.address)
          let count = Int(random.next() % UInt64(range.bytes + 1))
          let isText = random.next() % 2 == 0
          return count == 0
            ? nil
            : PointedBytes(
              argument: range.argument,
              bytes: (0..<count).map { _ in
                let byte = UInt8(truncatingIfNeeded: random.next())
                return isText ? byte : byte % 3
              })
        }
        // Memory behind arguments that nobody asked for does no harm either.
        let stray = PointedBytes(argument: Int(random.next() % 8), bytes: [UInt8(truncatingIfNeeded: random.next())])
        var text = ByteText()
        CallArguments.append(call: call, arguments, pointed + [stray], to: &text)
        #expect(text.bytes.count < 2500)
        let string = String(validating: text.bytes, as: UTF8.self)
        #expect(string != nil)
        #expect(string?.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) } == true)
      }
    }
  }
}

/// The same numbers in every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  /// SplitMix64.
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
