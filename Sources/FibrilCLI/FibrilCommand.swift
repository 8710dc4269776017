// The command `fibril`: what its subcommands have in common.
internal import ArgumentParser

@main
struct FibrilCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fibril",
    abstract: "Trace and dump programs made of many small stacks.",
    discussion: """
      Data goes to standard output, everything else to standard error.

      EXIT STATUS:
        0    done
        1    failed
        64   wrong usage
        77   the machine lacks what it takes: rights, or a kernel that is new enough
        130  interrupted

      EXAMPLES:
        fibril list
        fibril dump -p 4711
        fibril trace -p 4711 -d 5s -o trace.json
        fibril export trace.fbt -o trace.json
        fibril stat -p 4711 -i 1s
        fibril serve
      """,
    version: "0.1.0",
    subcommands: [Trace.self, Export.self, Stat.self, Serve.self, Dump.self, List.self, Doctor.self])
}
