import Foundation
import QuireJSON
import QuireServing
import TestSupport
import Testing

extension WireResponse {
  /// The values of a stream whose events have names, each of which is also the value's `type`. It has no `[DONE]`.
  func namedEvents() throws -> [JSONValue] {
    guard status == 200 else { throw FixtureError.notAStream("\(status): \(text)") }
    return try text.components(separatedBy: "\n\n").filter { !$0.isEmpty && !$0.hasPrefix(":") }.map { part in
      let lines = part.components(separatedBy: "\n")
      guard lines.count == 2, lines[0].hasPrefix("event: "), lines[1].hasPrefix("data: ") else {
        throw FixtureError.notAStream(part)
      }
      let value = try JSONValue.parse(String(lines[1].dropFirst(6)))
      #expect(value["type"]?.stringValue == String(lines[0].dropFirst(7)))
      return value
    }
  }
}

extension [JSONValue] {
  /// The types of events, without repetitions of the one before.
  var types: [String] {
    reduce(into: []) { types, event in
      let type = event["type"]?.stringValue ?? "?"
      if types.last != type { types.append(type) }
    }
  }
}
