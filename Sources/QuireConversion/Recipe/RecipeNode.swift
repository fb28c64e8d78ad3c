import QuireFiles
import QuireCalibration
import QuireOptimization
import QuireModel
import QuireCheckpoints
import QuireJSON

/// A value of a recipe with its path in the file, so that every refusal can name the line.
struct RecipeNode {
  let value: JSONValue
  let path: [JSONPathStep]
  let file: String
  let text: [UInt8]

  /// Refuses this value: says what was expected instead.
  func refusal(expected: String) -> ConversionError {
    refusal("expected \(expected), found \(shown)")
  }

  /// Refuses this value with the sentence `problem`.
  func refusal(_ problem: String) -> ConversionError {
    .recipe(file: file, line: JSONValue.line(of: path, in: text, syntax: .json5), problem: problem)
  }

  /// The member under `key`, nil when absent. Call on objects only.
  func member(_ key: String) -> RecipeNode? {
    value[key].map { RecipeNode(value: $0, path: path + [.key(key)], file: file, text: text) }
  }

  func required(_ key: String, in what: String) throws(ConversionError) -> RecipeNode {
    guard let member = member(key) else { throw refusal("\(what) lacks the field \"\(key)\"") }
    return member
  }

  /// Refuses members that are not in `known`, and values that are not objects.
  func checkMembers(_ known: [String], of what: String) throws(ConversionError) {
    guard let object = value.objectValue else { throw refusal(expected: "\(what), an object") }
    for key in object.keys where !known.contains(key) {
      let member = member(key) ?? self
      throw member.refusal(
        "unknown field \"\(Self.shortened(key))\" in \(what); expected one of \(Self.list(known, joiner: "and"))"
      )
    }
  }

  func string(_ what: String) throws(ConversionError) -> String {
    guard let string = value.stringValue else { throw refusal(expected: "\(what), a string") }
    return string
  }

  func boolean(_ what: String) throws(ConversionError) -> Bool {
    guard let boolean = value.boolValue else { throw refusal(expected: "\(what), true or false") }
    return boolean
  }

  func integer(_ what: String, in range: ClosedRange<Int>) throws(ConversionError) -> Int {
    guard let integer = value.intValue, range.contains(integer) else {
      throw refusal(
        expected: "\(what), an integer"
          + (range.upperBound == .max
            ? " from \(range.lowerBound) to 2^63 - 1" : " from \(range.lowerBound) to \(range.upperBound)"))
    }
    return integer
  }

  func number(_ what: String, in range: ClosedRange<Double>) throws(ConversionError) -> Double {
    guard let number = value.doubleValue, range.contains(number) else {
      throw refusal(expected: "\(what), a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// One element of an array. Precondition: the value is an array that has it.
  func element(_ index: Int) -> RecipeNode {
    RecipeNode(
      value: value.arrayValue?[index] ?? .null, path: path + [.index(index)], file: file, text: text)
  }

  func elements(_ what: String) throws(ConversionError) -> [RecipeNode] {
    guard let array = value.arrayValue else { throw refusal(expected: "\(what), an array") }
    return array.enumerated().map {
      RecipeNode(value: $0.element, path: path + [.index($0.offset)], file: file, text: text)
    }
  }

  /// One of the raw values of an enum.
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ what: String, as type: Choice.Type
  ) throws(ConversionError) -> Choice where Choice.RawValue == String {
    let text = value.stringValue
    guard let choice = Choice.allCases.first(where: { $0.rawValue == text }) else {
      throw refusal(expected: "\(what) to be \(Self.list(Choice.allCases.map(\.rawValue), joiner: "or"))")
    }
    return choice
  }

  static func list(_ words: [String], joiner: String) -> String {
    words.isEmpty ? "nothing" : ListText.of(words.map { "\"\($0)\"" }, joiner: joiner)
  }

  /// The value as shown in error sentences.
  var shown: String {
    switch value {
    case .array, .object: value.kindDescription
    default: Self.shortened(value.serialized())
    }
  }

  /// At most 80 characters: a sentence is no place for a long text of the file.
  static func shortened(_ text: String) -> String { text.count > 80 ? text.prefix(79) + "…" : text }
}
