import QuireGeneration
import QuireJSON
import QuireText

/// Reads `logit_bias`: OpenAI's object of numbers by token id, and llama-server's forms: a list of pairs, `false` for a
/// token that is never chosen, and texts, each of whose tokens gets the bias. Of several values for a token the last
/// one counts.
struct LogitBias {
  private static let name = "logit_bias"
  private static let range = FieldRange.from(-RequestLimits.biasMaximum, to: RequestLimits.biasMaximum)

  private let reader: FieldReader
  private let vocabularySize: Int
  /// `nil` where texts are not allowed.
  private let tokenizer: Tokenizer?
  private var biases: [Int32: Float] = [:]

  static func read(
    _ reader: FieldReader, vocabularySize: Int, tokenizer: Tokenizer?
  ) throws(ServingError) -> [Int32: Float] {
    var bias = LogitBias(reader: reader, vocabularySize: vocabularySize, tokenizer: tokenizer)
    if let pairs = reader.value(name)?.arrayValue {
      for (index, pair) in pairs.enumerated() { try bias.add(pair, index) }
    } else if let members = try reader.object(name) {
      for key in members.object.keys { try bias.add(key, members) }
    }
    return bias.biases
  }

  private init(reader: FieldReader, vocabularySize: Int, tokenizer: Tokenizer?) {
    self.reader = reader
    self.vocabularySize = vocabularySize
    self.tokenizer = tokenizer
  }

  /// A member of the object. A null means 0.
  private mutating func add(_ key: String, _ members: FieldReader) throws(ServingError) {
    let bias =
      members.value(key)?.boolValue == false
      ? -Float.infinity : try members.number(key, in: Self.range) ?? 0
    // "05" and "+5" would be second names of a token.
    if let id = Int32(key), isToken(id), key == String(id) {
      biases[id] = bias
    } else if Int32(key) == nil, let tokenizer {
      for id in tokenizer.encode(key) { biases[id] = bias }
    } else {
      throw .rejected(
        .badField(
          reader.prefix + Self.name,
          "\(reader.path(Self.name)): expected token ids from 0 to \(vocabularySize - 1) as names, found "
            + "\(Found.text(key)); correct it"))
    }
  }

  /// An element of the list.
  private mutating func add(_ pair: JSONValue, _ index: Int) throws(ServingError) {
    let path = "\(Self.name)[\(index)]"
    guard let parts = pair.arrayValue, parts.count == 2 else {
      throw reader.wrong(
        path, expected: "a token and its bias, such as [7, -1]", found: pair, advice: .correct)
    }
    let bias: Float
    if parts[1].boolValue == false {
      bias = -.infinity
    } else if let number = FieldReader.number(parts[1], in: Self.range) {
      bias = number
    } else {
      throw reader.wrong(
        path + "[1]", expected: "\(Self.range.description) or false", found: parts[1], advice: .correct)
    }
    if let id = FieldReader.tokenID(parts[0], vocabularySize: vocabularySize) {
      biases[id] = bias
    } else if let text = parts[0].stringValue, let tokenizer {
      for id in tokenizer.encode(text) { biases[id] = bias }
    } else {
      let texts = tokenizer == nil ? "" : ", or a text"
      throw reader.wrong(
        path + "[0]", expected: "a token id from 0 to \(vocabularySize - 1)\(texts)", found: parts[0],
        advice: .correct)
    }
  }

  private func isToken(_ id: Int32) -> Bool { id >= 0 && id < vocabularySize }
}
