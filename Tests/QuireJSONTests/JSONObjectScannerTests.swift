import QuireJSON
import TestSupport
import Testing

@Suite struct JSONObjectScannerTests {
  private static let objects = [
    "{}", "{ }", "{\"a\":1}", "{\"a\": -0.5e+10, \"b\": [0, 1.25, 3E-2, 10]}",
    "{\"\": [true, false, null, [], {}, [[]], {\"x\": {}}]}",
    "{\"é\\u00E9\\\"\\\\\\/\\b\\f\\n\\r\\t\": \"東京 😀\"}", "{\r\n\t\"a\" \t:\n \"b\" \r, \"c\" : 0 }",
  ]

  private static func read(_ text: String, size: Int) -> (count: Int, outcome: JSONObjectScanner.Outcome) {
    var scanner = JSONObjectScanner()
    let bytes = Array(text.utf8)
    var total = 0
    while total < bytes.count {
      let (count, outcome) = scanner.scan(bytes[total..<min(bytes.count, total + size)])
      total += count
      if outcome != .open { return (total, outcome) }
    }
    return (total, .open)
  }

  @Test func objectsEndWhereTheyEnd() throws {
    for object in Self.objects {
      _ = try JSONValue.parse(object)
      for size in 1...object.utf8.count {
        let found = Self.read(object + "} x", size: size)
        #expect(found.count == object.utf8.count && found.outcome == .ended, "\(object)")
      }
      for end in 1..<object.utf8.count {
        guard let beginning = String(validating: Array(object.utf8)[..<end], as: UTF8.self) else { continue }
        #expect(Self.read(beginning, size: 3).outcome == .open, "\(beginning)")
      }
    }
  }

  @Test func theFirstByteThatCannotFollowIsFound() {
    let spoilt = [
      "[": 0, " {}": 0, "{a": 1, "{,": 1, "{\"a\" 1": 5, "{\"a\":}": 5, "{\"a\":1,}": 7, "{\"a\":01": 6,
      "{\"a\":-}": 6, "{\"a\":1.}": 7, "{\"a\":1e}": 7, "{\"a\":+1": 5, "{\"a\":truE": 8, "{\"a\":nul}": 8,
      "{\"a\":[1,]": 8, "{\"a\":[}": 6, "{\"a\":1]": 6, "{\"a\":\"\n": 6, "{\"a\":\"\\x": 7,
      "{\"a\":\"\\u12G": 10, "{\"a\":'": 5, "{\"a\":1 2": 7,
    ]
    for (text, count) in spoilt {
      let found = Self.read(text, size: 1)
      #expect(found.count == count && found.outcome == .invalid, "\(text)")
    }
    let deep = String(repeating: "{\"a\":", count: 600)
    #expect(Self.read(deep, size: 7).outcome == .invalid)
  }

  /// It ends exactly the texts that the parser reads, but for what the parser refuses besides the grammar.
  @Test func itAgreesWithTheParser() {
    var generator = SeededGenerator(seed: 3)
    let marks = Array("{}[]\",:\\ 01.eE+-tru\nflsnA".utf8)
    var endedCount = 0
    for index in 0..<20_000 {
      var bytes = Array(Self.objects[index % Self.objects.count].utf8)
      for _ in 0..<Int(generator.next() % 3) {
        let offset = Int(generator.next() % UInt64(bytes.count))
        let mark = marks[Int(generator.next() % UInt64(marks.count))]
        if generator.next() % 2 == 0 { bytes[offset] = mark } else { bytes.insert(mark, at: offset) }
      }
      guard let text = String(validating: bytes, as: UTF8.self) else { continue }
      let found = Self.read(text, size: 1)
      let isWhole = found.outcome == .ended && found.count == bytes.count
      do throws(JSONError) {
        let value = try JSONValue.parse(bytes)
        let startsWithBrace = bytes.first == UInt8(ascii: "{")
        let endsWithBrace = bytes.last == UInt8(ascii: "}")
        #expect(isWhole == (value.objectValue != nil && startsWithBrace && endsWithBrace), "\(text)")
        if isWhole { endedCount += 1 }
      } catch {
        switch error {
        case .duplicateKey, .loneSurrogate, .numberTooLarge: break
        default: #expect(!isWhole, "\(text)")
        }
      }
    }
    #expect(endedCount > 5000)
  }
}
