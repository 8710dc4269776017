// `treewalk` counts what `find` counts, run after run.
import Foundation
import Testing

@Suite struct TreeWalkTests {
  let treewalk = builtPrograms.appending(path: "treewalk").path

  /// A tree of every kind of file, with what makes a walk go wrong: many entries, depth, odd names,
  /// hard links, links to nowhere and to the top.
  private func makeTree() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    let script = """
      cd "$1"
      mkdir wide deep empty
      seq 3000 | (cd wide && xargs touch)
      head -c 12345 /dev/zero > wide/large && ln wide/large wide/twin
      ln -s . loop && ln -s /nowhere dangling && mkfifo pipe
      cd deep && for i in $(seq 60); do mkdir "level $i"; cd "level $i"; echo text > "ümläut $i"; done
      """
    let run = try ToolRun("/bin/bash", ["-ec", script, "bash", folder.url.path])
    try #require(run.status == 0, "\(run.errors)")
    return folder
  }

  private func find(_ top: String) throws -> String {
    let script = """
      find "$1" -printf '%y %s\\n' | awk '
        $1 == "f" { files++; bytes += $2 } $1 == "d" { dirs++ } $1 != "f" && $1 != "d" { other++ }
        END { printf "files %.0f dirs %.0f other %.0f bytes %.0f\\n", files, dirs, other, bytes }'
      """
    return try ToolRun("/bin/bash", ["-ec", script, "bash", top]).output
  }

  @Test func aTreeOfEveryKindIsCountedAsFindCountsIt() throws {
    let tree = try makeTree()
    let expected = try find(tree.url.path)
    #expect(expected.hasPrefix("files 3062 dirs 64 other 3 "))
    for options in ["--tasks 1", "--tasks 4", "--tasks 1 --helpers", "--tasks 3 --helpers"] {
      let arguments = options.split(separator: " ").map(String.init)
      let run = try ToolRun(treewalk, arguments + ["--repeat", "5", tree.url.path])
      #expect(run.status == 0 && run.errors.isEmpty)
      #expect(run.output == String(repeating: expected, count: 5))
    }
  }

  @Test func aRealTreeIsCountedAsFindCountsIt() throws {
    let run = try ToolRun(treewalk, ["--repeat", "3", "/usr/share"])
    #expect(run.output == String(repeating: try find("/usr/share"), count: 3))
  }

  @Test func whatCannotBeReadIsNamed() throws {
    let run = try ToolRun(treewalk, ["/nowhere"])
    #expect(run.status == 1)
    #expect(run.errors == "treewalk: cannot open /nowhere: No such file or directory\n")
    #expect(run.output == "files 0 dirs 0 other 0 bytes 0\n")
  }
}
