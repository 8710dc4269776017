internal import Fibril
internal import FibrilC
internal import Glibc

// The functions of fibril.h that show what all fibrils do.

@c @implementation
public func fibril_dump(_ descriptor: Int32) -> Int32 { Fibril.writeDump(to: descriptor) }

@c @implementation
public func fibril_dump_on_quit(_ goesOn: Bool) -> Int32 {
  do throws(FibrilError) {
    try Fibril.dumpOnQuit(goesOn: goesOn)
    return 0
  } catch {
    return -error.code
  }
}
