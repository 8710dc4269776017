// The unit by which systemd runs an exporter with the least rights that work.

/// A service's unit file.
struct ServiceUnit {
  /// Absolute path of the program.
  var executable: String
  /// What follows `serve`, without the token's file.
  var arguments: [String]
  /// Path of the token's file, which only root may have to read.
  var tokenFile: String?

  /// Where the program lies is not known.
  struct NoProgram: Error, CustomStringConvertible {
    let description = "cannot read /proc/self/exe, where the program's path stands; is /proc mounted?"
  }

  var text: String {
    let credential = tokenFile.map { "LoadCredential=token:\(Self.escaped($0))\n" } ?? ""
    let words =
      ([executable, "serve"] + arguments).map(Self.quoted) + (tokenFile == nil ? [] : ["--token-file %d/token"])
    return """
      # fibril serve --systemd-unit > /etc/systemd/system/fibril.service
      [Unit]
      Description=Figures of fibrils for Prometheus
      After=network.target

      [Service]
      Type=exec
      ExecStart=\(words.joined(separator: " "))
      Restart=on-failure
      # The machine lacks what it takes: another try changes nothing.
      RestartPreventExitStatus=64 77
      \(credential)
      # Whom it runs as, and the rights that it takes: to load BPF programs, to attach them, and to read what other
      # processes have in memory.
      DynamicUser=yes
      AmbientCapabilities=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE
      CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_PTRACE
      NoNewPrivileges=yes

      # It writes no file, and calls nobody.
      ProtectSystem=strict
      ProtectHome=read-only
      PrivateTmp=yes
      PrivateDevices=yes
      ProtectClock=yes
      ProtectControlGroups=yes
      ProtectHostname=yes
      ProtectKernelLogs=yes
      ProtectKernelModules=yes
      ProtectKernelTunables=yes
      RestrictAddressFamilies=AF_INET AF_INET6
      RestrictNamespaces=yes
      RestrictRealtime=yes
      RestrictSUIDSGID=yes
      LockPersonality=yes
      MemoryDenyWriteExecute=yes
      SystemCallArchitectures=native
      SystemCallFilter=@system-service bpf perf_event_open process_vm_readv
      SystemCallErrorNumber=EPERM
      UMask=0077

      # A dump of a large program takes more than the exporter, in a process of its own.
      MemoryMax=512M
      OOMPolicy=continue
      TasksMax=64

      [Install]
      WantedBy=multi-user.target

      """
  }

  /// `%` begins a specifier.
  private static func escaped(_ text: String) -> String {
    text.split(separator: "%", omittingEmptySubsequences: false).joined(separator: "%%")
  }

  /// A word of a command line.
  private static func quoted(_ word: String) -> String {
    let plain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: ":"), UInt8(ascii: "-")...UInt8(ascii: "/"), UInt8(ascii: "_"),
        UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "@"), UInt8(ascii: "+"):
        true
      default: false
      }
    }
    if plain { return word }
    var quoted = "\""
    for scalar in word.unicodeScalars {
      switch scalar {
      case "\"", "\\": quoted += "\\\(scalar)"
      case "%", "$": quoted += "\(scalar)\(scalar)"
      case "\n": quoted += "\\n"
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
