// Aligned columns.
internal import Texts

/// A table of short texts: numbers to the right, words to the left.
struct TextTable {
  private var rows: [[String]]
  private let textColumns: Set<Int>

  init(_ titles: [String], textColumns: Set<Int> = []) {
    rows = [titles]
    self.textColumns = textColumns
  }

  /// As many cells as there are titles.
  mutating func add(_ cells: [String]) { rows.append(cells) }

  func append(to text: inout ByteText) {
    let widths = rows[0].indices.map { column in rows.map { $0[column].utf8.count }.max() ?? 0 }
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == row.count - 1, cell.isEmpty { break }
        if column > 0 { text.append("  ") }
        let start = text.bytes.count
        if textColumns.contains(column) {
          text.append(own: cell)
          if row[(column + 1)...].contains(where: { !$0.isEmpty }), cell.utf8.count < widths[column] {
            text.pad(from: start, to: widths[column])
          }
        } else {
          if cell.utf8.count < widths[column] { text.pad(from: start, to: widths[column] - cell.utf8.count) }
          text.append(own: cell)
        }
      }
      text.append("\n")
    }
  }
}
