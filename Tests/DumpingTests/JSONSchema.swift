// As much of JSON Schema (draft 2020-12) as docs/dump.schema.json uses. A word that it does not know is an
// error, so that nothing goes unchecked.
import Foundation

/// A schema, by which documents are checked.
struct JSONSchema {
  private let root: [String: Any]

  init(_ root: [String: Any]) { self.root = root }

  /// What is wrong with a document, a sentence each.
  func problems(of document: Any) -> [String] { check(document, root, "$") }

  private func check(_ value: Any, _ schema: [String: Any], _ path: String) -> [String] {
    var problems: [String] = []
    for (word, rule) in schema {
      switch (word, rule) {
      case ("$schema", _), ("title", _), ("description", _), ("$defs", _): break
      case ("$ref", let name as String):
        let definitions = root["$defs"] as? [String: Any]
        guard let target = definitions?[name.replacing("#/$defs/", with: "")] as? [String: Any] else {
          problems.append("\(path): no such schema: \(name)")
          continue
        }
        problems += check(value, target, path)
      case ("type", let name as String): if !Self.is(value, name) { problems.append("\(path): not \(name)") }
      case ("type", let names as [String]):
        if !names.contains(where: { Self.is(value, $0) }) { problems.append("\(path): none of \(names)") }
      case ("const", _): if !Self.equal(value, rule) { problems.append("\(path): not \(rule)") }
      case ("enum", let values as [Any]):
        if !values.contains(where: { Self.equal($0, value) }) { problems.append("\(path): none of \(values)") }
      case ("pattern", let pattern as String):
        if let text = value as? String, text.range(of: pattern, options: .regularExpression) == nil {
          problems.append("\(path): \(text) does not match \(pattern)")
        }
      case ("anyOf", let schemas as [[String: Any]]):
        let all = schemas.map { check(value, $0, path) }
        if all.allSatisfy({ !$0.isEmpty }) { problems += all.flatMap { $0 } }
      case ("items", let schema as [String: Any]):
        for (index, item) in (value as? [Any] ?? []).enumerated() {
          problems += check(item, schema, "\(path)[\(index)]")
        }
      case ("required", let names as [String]):
        guard let object = value as? [String: Any] else { break }
        for name in names where object[name] == nil { problems.append("\(path): no \(name)") }
      case ("properties", let properties as [String: Any]):
        for (name, item) in value as? [String: Any] ?? [:] {
          if let schema = properties[name] as? [String: Any] { problems += check(item, schema, "\(path).\(name)") }
        }
      case ("additionalProperties", let allowed as Bool):
        guard !allowed, let object = value as? [String: Any] else { break }
        let known = (schema["properties"] as? [String: Any] ?? [:]).keys
        for name in object.keys where !known.contains(name) { problems.append("\(path): \(name) is not in the schema") }
      default: problems.append("the schema says \(word), which this test does not know")
      }
    }
    return problems
  }

  private static func `is`(_ value: Any, _ type: String) -> Bool {
    switch type {
    case "null": value is NSNull
    case "string": value is String
    case "object": value is [String: Any]
    case "array": value is [Any]
    case "boolean": (value as? NSNumber).map(isBoolean) ?? false
    case "integer": (value as? NSNumber).map { !isBoolean($0) && $0.doubleValue == $0.doubleValue.rounded() } ?? false
    default: false
    }
  }

  /// On Linux the encoding of a boolean is a signed character.
  private static func isBoolean(_ number: NSNumber) -> Bool {
    unsafe number.objCType.pointee == CChar(UInt8(ascii: "c"))
  }

  private static func equal(_ value: Any, _ other: Any) -> Bool {
    (value as? NSObject).map { $0.isEqual(other) } ?? false
  }
}
