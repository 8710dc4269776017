// A large text handed out in pieces, so that it never stands in memory as a whole.
internal import Texts

/// Text under construction of which finished pieces go to a file.
struct PieceWriter<Failure: Error> {
  var text = ByteText()
  private let put: ([UInt8]) throws(Failure) -> Void

  private static var pieceBytes: Int { 256 << 10 }

  init(_ put: @escaping ([UInt8]) throws(Failure) -> Void) { self.put = put }

  /// To be called where the text may be cut.
  mutating func flushIfLarge() throws(Failure) {
    if text.bytes.count >= Self.pieceBytes { try flush() }
  }

  mutating func flush() throws(Failure) {
    try put(text.bytes)
    text.removeAll()
  }
}
