internal import Fibril
internal import FibrilC

// The functions of fibril.h that show what all fibrils do.

@c @implementation
public func fibril_dump(_ descriptor: Int32) -> Int32 { Fibril.writeDump(to: descriptor) }

@c @implementation
public func fibril_dump_on_quit(_ goesOn: Bool) { Fibril.dumpOnQuit(goesOn: goesOn) }
