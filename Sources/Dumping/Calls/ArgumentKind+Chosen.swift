// Arguments that are what the arguments before them say.

extension ArgumentKind {
  static let chosen: [String: ArgumentKind] = [
    // Given, but always zero or said elsewhere.
    "-": .chosen { _, _ in nil },
    "new-mode": .chosen { arguments, index in
      let flags = arguments[index - 1]
      let creates = flags & ConstantNames.created != 0
      return creates || flags & ConstantNames.temporary == ConstantNames.temporary ? .mode : nil
    },
    "map-fd": .chosen { arguments, _ in arguments[3] & 0x20 == 0 ? .descriptor : .int },
    "new-address": .chosen { arguments, _ in arguments[3] & 6 == 0 ? nil : .address },
    "protocol-of-family": .chosen { arguments, _ in
      switch arguments[0] & 0xffff_ffff {
      case 2, 10: set("protocol")
      case 16: set("netlink")
      default: .int
      }
    },
    "option-of-level": .chosen { arguments, _ in
      switch arguments[1] & 0xffff_ffff {
      case 0: set("ip-option")
      case 1: set("socket-option")
      case 6: set("tcp-option")
      case 17: set("udp-option")
      case 41: set("ipv6-option")
      default: .int
      }
    },
    "option-value": .chosen { arguments, index in
      let isTimeout = arguments[1] == 1 && (arguments[2] == 20 || arguments[2] == 21)
      return switch arguments[index + 1] & 0xffff_ffff {
      case 4: .structure(.int)
      case 16 where isTimeout: .structure(.oldTime)
      default: .address
      }
    },
    "fcntl-argument": .chosen { arguments, _ in
      switch arguments[1] & 0xffff_ffff {
      case 1, 3, 9, 11, 1025, 1032, 1034: nil
      case 2: set("close-on-exec")
      case 4: set("open")
      case 0, 8, 1030, 1031: .int
      case 10: set("signal")
      case 1024: set("lease")
      case 1033: set("seals")
      case 1026: .bits
      default: .address
      }
    },
    "ioctl-argument": .chosen { arguments, _ in
      switch arguments[1] & 0xffff_ffff {
      case 0x540e, 0x5409...0x540b: .int
      case 0x5422, 0x5450, 0x5451: nil
      case 0x40049409: .descriptor
      default: .address
      }
    },
    "control-argument": .chosen { arguments, _ in
      switch arguments[0] & 0xffff_ffff {
      case 1: set("signal")
      case 15: .string
      case 2, 16, 37, 40, 0x53564d41: .address
      case 3, 7, 21, 27, 30, 39, 42: nil
      default: .long
      }
    },
    "futex-value": .chosen { arguments, _ in futexUse(arguments).contains(.value) ? .int : nil },
    "futex-timeout": .chosen { arguments, _ in
      let use = futexUse(arguments)
      return use.contains(.timeout) ? .structure(.time) : use.contains(.count) ? .int : nil
    },
    "futex-address": .chosen { arguments, _ in futexUse(arguments).contains(.address) ? .address : nil },
    "futex-value3": .chosen { arguments, _ in futexUse(arguments).contains(.value3) ? set("futex-match") : nil },
  ]

  private static func set(_ word: String) -> ArgumentKind { constants[word].map { .constants($0) } ?? .int }

  /// What an operation on a futex takes beside the futex.
  private struct FutexUse: OptionSet {
    let rawValue: Int
    static let value = FutexUse(rawValue: 1)
    static let timeout = FutexUse(rawValue: 2)
    static let count = FutexUse(rawValue: 4)
    static let address = FutexUse(rawValue: 8)
    static let value3 = FutexUse(rawValue: 16)
  }

  private static func futexUse(_ arguments: [UInt64]) -> FutexUse {
    switch arguments[1] & 0x7f {
    case 0: [.value, .timeout]
    case 1, 2: [.value]
    case 3: [.value, .count, .address]
    case 4, 5, 12: [.value, .count, .address, .value3]
    case 6, 13: [.timeout]
    case 7, 8: []
    case 9: [.value, .timeout, .value3]
    case 10: [.value, .value3]
    case 11: [.value, .timeout, .address]
    default: [.value, .timeout, .address, .value3]
    }
  }
}
