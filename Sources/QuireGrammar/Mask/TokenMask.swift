/// Which tokens may come next: one bit for each, the lowest bit of the first word for token 0.
///
/// Filled by its maker, then never changed.
package final class TokenMask: @unchecked Sendable {  // its words are only written before it is handed out
  package let words: UnsafePointer<UInt64>
  package let wordCount: Int
  let target: UnsafeMutablePointer<UInt64>
  /// Whether no token at all may come.
  package private(set) var isEmpty = true

  init(wordCount: Int, repeating word: UInt64 = 0) {
    self.wordCount = wordCount
    target = .allocate(capacity: max(1, wordCount))
    target.update(repeating: word, count: max(1, wordCount))
    words = UnsafePointer(target)
  }

  convenience init(copying other: TokenMask) {
    self.init(wordCount: other.wordCount)
    target.update(from: other.words, count: wordCount)
  }

  /// A mask of some tokens, each from 0 to `vocabularySize` - 1.
  package convenience init(of tokens: some Sequence<Int32>, vocabularySize: Int) {
    self.init(wordCount: (vocabularySize + 63) / 64)
    for token in tokens {
      precondition(token >= 0 && token < vocabularySize, "no token of the vocabulary")
      insert(token)
      isEmpty = false
    }
  }

  deinit { target.deallocate() }

  package func contains(_ token: Int32) -> Bool {
    guard token >= 0, Int(token) < wordCount * 64 else { return false }
    return words[Int(token) >> 6] >> UInt64(token & 63) & 1 != 0
  }

  /// Number of tokens that may come.
  package var count: Int { (0..<wordCount).reduce(0) { $0 + words[$1].nonzeroBitCount } }

  func insert(_ token: Int32) {
    target[Int(token) >> 6] |= 1 << UInt64(token & 63)
  }

  func remove(_ token: Int32) {
    target[Int(token) >> 6] &= ~(1 << UInt64(token & 63))
  }

  /// Called once, when all bits are set.
  func seal(twins: [(first: Int32, other: Int32)]) -> TokenMask {
    for (first, other) in twins where contains(first) { insert(other) }
    isEmpty = (0..<wordCount).allSatisfy { words[$0] == 0 }
    return self
  }
}

/// Masks by state, the ones used last. Two halves: when the younger is full, the older is discarded.
struct MaskCache<Value> {
  /// Entries of one half.
  private let capacity: Int
  private var young: [Int32: Value] = [:]
  private var old: [Int32: Value] = [:]

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { young.count + old.count }

  mutating func value(of state: Int32) -> Value? {
    if let value = young[state] { return value }
    guard let value = old[state] else { return nil }
    insert(value, for: state)
    return value
  }

  mutating func insert(_ value: Value, for state: Int32) {
    if young.count >= capacity {
      old = young
      young.removeAll(keepingCapacity: true)
    }
    young[state] = value
  }

  mutating func removeAll() {
    young.removeAll(keepingCapacity: true)
    old.removeAll(keepingCapacity: true)
  }

  /// The states, and a way to give them new numbers in the same order.
  var states: [Int32] { Array(young.keys) + Array(old.keys) }

  mutating func renumber(_ numbers: [Int32: Int32]) {
    func renumbered(_ part: [Int32: Value]) -> [Int32: Value] {
      Dictionary(
        part.compactMap { state, value in numbers[state].map { ($0, value) } }, uniquingKeysWith: { $1 })
    }
    young = renumbered(young)
    old = renumbered(old)
  }
}

/// What a mask took too much work for.
struct MaskOverload: Error {}
