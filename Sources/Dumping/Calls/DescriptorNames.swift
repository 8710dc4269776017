// What the descriptors of a live process are: `/var/log/x`, `socket:[123]`.

/// Names descriptors; each is looked up once.
final class DescriptorNames {
  /// A look-up takes the kernel some microseconds: of a server with a hundred thousand connections
  /// only the first that are met get a name.
  private static let most = 4096
  private let lookUp: (Int32) -> [UInt8]?
  private var names: [Int32: [UInt8]?] = [:]

  /// `lookUp` says what a descriptor is, in any bytes, or nil if there is none.
  init(_ lookUp: @escaping (Int32) -> [UInt8]?) { self.lookUp = lookUp }

  func name(of descriptor: Int32) -> [UInt8]? {
    guard descriptor >= 0 else { return nil }
    if let known = names[descriptor] { return known }
    guard names.count < Self.most else { return nil }
    let name = lookUp(descriptor)
    names[descriptor] = .some(name)
    return name
  }
}
