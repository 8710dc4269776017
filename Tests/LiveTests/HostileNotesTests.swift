// Binaries that bring notes of probes which are none: the loader says so, attaches to nothing, and never crashes.
import ELFNotes
import Foundation
import Testing

@testable import BPFLoader

@Suite struct HostileNotesTests {
  /// A program whose note of the probe `batch` names these addresses.
  private static func source(site: String, semaphore: String) -> String {
    """
    #include <unistd.h>

    volatile unsigned short semaphore __attribute__((section(".probes")));
    const unsigned char constant = 0x90;
    unsigned char variable = 0x90;

    /* A compiled leaf function whose values lie in the red zone. */
    __attribute__((noinline)) static long compiled(long a)
    {
        volatile long words[8];
        for (int i = 0; i < 8; i++)
            words[i] = a * i;
        __asm__ volatile("long_nop: .byte 0x0f, 0x1f, 0x44, 0, 0\\n"
                         "sound: nop\\n"
                         "other: incl %%eax\\n"
                         ".pushsection .note.stapsdt, \\"\\", %%note\\n.balign 4\\n.4byte 8, 2f - 1f, 3\\n.asciz \\"stapsdt\\"\\n"
                         "1: .8byte \(site), 0, \(semaphore)\\n.asciz \\"fibril\\"\\n.asciz \\"batch\\"\\n"
                         ".asciz \\"8@%%rdi 8@%%rsi 8@%%rdx 8@%%rcx\\"\\n2: .balign 4\\n.popsection\\n" ::: "eax", "memory");
        return words[a & 7];
    }

    int main(void)
    {
        char byte;
        return read(0, &byte, 1) + (int)compiled(0);
    }
    """
  }

  private func program(site: String, semaphore: String) throws -> CompiledProgram {
    try CompiledProgram(text: Self.source(site: site, semaphore: semaphore), flags: ["-no-pie"])
  }

  @Test func theSourceIsSoundButForWhatIsPutIn() throws {
    let program = try program(site: "sound", semaphore: "semaphore")
    #expect(try ProbedFile.all(ofProgram: program.path).flatMap(\.sites).count == 1)
  }

  /// The kernel would patch a longer nop into a call from 6.18 on, and cut any other instruction.
  @Test(arguments: ["long_nop", "other"])
  func anotherInstruction(site: String) throws {
    let program = try program(site: site, semaphore: "semaphore")
    let subject = try Subject(program.path)
    for arguments in [["--", program.path], ["-p", "\(subject.id)"]] {
      let run = try ToolRun.fibril(["trace", "-o", "-"] + arguments)
      #expect(run.status == 1 && run.output == "")
      #expect(run.errors.contains("is no 1-byte nop, which is unsafe; rebuild it with the probe sites of"))
    }
    #expect(try subject.outputAfterInput() == "" && subject.process.terminationStatus == 0)
  }

  /// In read-only data, in a variable, in the ELF header, in front of and behind everything, at the end of what there can
  /// be; and semaphores there and in code.
  @Test(arguments: [
    ("constant", "semaphore"), ("variable", "semaphore"), ("__ehdr_start", "semaphore"), ("1", "semaphore"),
    ("_end + 0x100000", "semaphore"), ("-1", "semaphore"), ("0x7fffffffffffffff", "semaphore"),
    ("sound", "constant"), ("sound", "sound"), ("sound", "1"), ("sound", "_end + 0x100000"), ("sound", "-1"),
  ])
  func anotherPlace(site: String, semaphore: String) throws {
    let program = try program(site: site, semaphore: semaphore)
    let subject = try Subject(program.path)
    for arguments in [["--", program.path], ["-p", "\(subject.id)"]] {
      let run = try ToolRun.fibril(["trace", "-o", "-"] + arguments)
      #expect(run.status == 1 && run.output == "")
      #expect(run.errors.contains("cannot use the probe batch of "), "\(run.errors)")
      #expect(run.errors.contains("; rebuild it with the probe sites of the Fibril library or of fibril_probes.h\n"))
    }
    #expect(try subject.outputAfterInput() == "" && subject.process.terminationStatus == 0)
  }

  /// Linkers leave the notes of what they drop, with 0 as the address.
  @Test func aDroppedSite() throws {
    let program = try program(site: "0", semaphore: "semaphore")
    let run = try ToolRun.fibril("trace", "-o", "-", "--", program.path)
    #expect(run.status == 1 && run.errors.contains(": the binary has no fibril probes; "), "\(run.errors)")
  }

  /// Whatever passes is a 1-byte nop in the file's code.
  @Test func mutatedNotes() throws {
    // A static program names no loader, which would be asked for its libraries.
    let program = try CompiledProgram(
      ["Examples/foreign/foreign.c", "Examples/foreign/strands.c"], flags: ["-static"])
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: program.path)))
    let notes = try #require(bytes.firstIndex(ofSequence: Array("stapsdt\0".utf8))) - 12
    let length = 8 * 84
    let headers = try #require(bytes.count > 64 ? Int(bytes[40]) | Int(bytes[41]) << 8 | Int(bytes[42]) << 16 : nil)
    let good = try #require(ELFNotes.probeSites(inFile: program.path, provider: "fibril").first)
    #expect(notes + length < bytes.count && headers < bytes.count && good.semaphoreFileOffset > 0)
    let mutant = program.folder.file("mutant")
    #expect(FileManager.default.createFile(atPath: mutant, contents: Data(bytes)))
    let file = try FileHandle(forWritingTo: URL(filePath: mutant))
    var random = SystemRandomNumberGenerator()
    var passed = 0
    var refused = 0
    for _ in 0..<4000 {
      var places: [Int] = []
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        // Mostly in the notes; sometimes in the headers of sections and of the program.
        let place =
          switch Int.random(in: 0..<8, using: &random) {
          case 0: Int.random(in: headers..<bytes.count, using: &random)
          case 1: Int.random(in: 0..<1024, using: &random)
          default: Int.random(in: notes..<notes + length, using: &random)
          }
        places.append(place)
        try file.seek(toOffset: UInt64(place))
        file.write(Data([UInt8.random(in: 0...255, using: &random)]))
      }
      do throws(BPFError) {
        for site in try ProbedFile.all(ofProgram: mutant).flatMap(\.sites) {
          #expect(bytes[Int(site.fileOffset)] == 0x90, "changed at \(places)")
          passed += 1
        }
      } catch {
        refused += 1
      }
      for place in places {
        try file.seek(toOffset: UInt64(place))
        file.write(Data([bytes[place]]))
      }
    }
    #expect(passed > 1000 && refused > 100)
  }
}

extension [UInt8] {
  fileprivate func firstIndex(ofSequence sequence: [UInt8]) -> Int? {
    Data(self).range(of: Data(sequence))?.lowerBound
  }
}
