/// A value of a GGUF file's metadata, as far as Quire uses it.
enum GGUFField: Equatable, Sendable {
  case integer(Int)
  case float(Double)
  case bool(Bool)
  case text(String)
  case texts([String])
  case integers([Int])
  /// Anything else, in a few words for a refusal.
  case other(String)

  var description: String {
    switch self {
    case .integer(let number): "\(number)"
    case .float(let number): "\(number)"
    case .bool(let value): "\(value)"
    case .text(let text): "\"\(text.prefix(80))\""
    case .texts(let texts): "a list of \(texts.count) texts"
    case .integers(let numbers): "a list of \(numbers.count) integers"
    case .other(let words): words
    }
  }
}

/// The metadata of a GGUF file: values by key. Each getter throws one sentence for a value of another type, and
/// returns nil, or throws where it must be there, for none.
struct GGUFFields: Sendable {
  let path: String
  private var fields: [String: GGUFField] = [:]

  init(path: String) { self.path = path }

  /// False when there is a value under this key.
  mutating func add(_ key: String, _ field: GGUFField) -> Bool {
    guard fields[key] == nil else { return false }
    fields[key] = field
    return true
  }

  subscript(key: String) -> GGUFField? { fields[key] }

  func optionalInteger(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int? {
    switch fields[key] {
    case nil: return nil
    case .integer(let number)? where range.contains(number): return number
    // Some writers store a count per layer; all must be equal in the models that other engines run.
    case .integers(let numbers)?:
      if let first = numbers.first, range.contains(first), numbers.allSatisfy({ $0 == first }) {
        return first
      }
      throw wrong(key, "one integer from \(range.lowerBound) to \(range.upperBound) for all layers")
    default: throw wrong(key, "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
  }

  func integer(_ key: String, in range: ClosedRange<Int>) throws(CheckpointError) -> Int {
    guard let number = try optionalInteger(key, in: range) else {
      throw wrong(key, "an integer from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  func optionalNumber(_ key: String) throws(CheckpointError) -> Double? {
    switch fields[key] {
    case nil: return nil
    case .float(let number)? where number.isFinite: return number
    case .integer(let number)?: return Double(number)
    default: throw wrong(key, "a finite number")
    }
  }

  func optionalText(_ key: String) throws(CheckpointError) -> String? {
    switch fields[key] {
    case nil: return nil
    case .text(let text)?: return text
    default: throw wrong(key, "a text")
    }
  }

  func optionalBool(_ key: String) throws(CheckpointError) -> Bool? {
    switch fields[key] {
    case nil: return nil
    case .bool(let value)?: return value
    default: throw wrong(key, "true or false")
    }
  }

  func texts(_ key: String) throws(CheckpointError) -> [String] {
    guard case .texts(let texts)? = fields[key] else { throw wrong(key, "a list of texts") }
    return texts
  }

  func integers(_ key: String) throws(CheckpointError) -> [Int] {
    guard case .integers(let numbers)? = fields[key] else { throw wrong(key, "a list of integers") }
    return numbers
  }

  /// The refusal of the value under a key.
  func wrong(_ key: String, _ expected: String) -> CheckpointError {
    .malformed(
      path: path, expected: "\(expected) as \(key)", found: fields[key]?.description ?? "none")
  }
}
