/// Finds added tokens in text as Hugging Face's `tokenizers` does: leftmost first, and the longest of those with the
/// same start.
///
/// Uses a trie of the tokens' bytes, so the cost at an offset does not grow with the number of tokens.
struct AddedTokenMatcher: Sendable {
  private let tokens: [AddedToken]
  /// Node after each first byte; 0 (the root) for none.
  private var firstNodes = [Int32](repeating: 0, count: 256)
  /// Node after each further byte, keyed by node << 8 | byte.
  private var edges: [Int64: Int32] = [:]
  /// Index in `tokens` of the token that ends at each node; -1 for none.
  private var tokenIndices: [Int32] = [-1]

  /// - Parameter content: The bytes that are matched for a token; must not be empty.
  init(_ tokens: [AddedToken], content: (AddedToken) -> [UInt8]) {
    self.tokens = tokens
    for (index, token) in tokens.enumerated() {
      let bytes = content(token)
      var node = child(ofRootBy: bytes[0])
      for byte in bytes.dropFirst() { node = child(of: node, by: byte) }
      tokenIndices[Int(node)] = Int32(index)
    }
  }

  private mutating func child(ofRootBy byte: UInt8) -> Int32 {
    if firstNodes[Int(byte)] == 0 { firstNodes[Int(byte)] = addNode() }
    return firstNodes[Int(byte)]
  }

  private mutating func child(of node: Int32, by byte: UInt8) -> Int32 {
    let edge = Int64(node) << 8 | Int64(byte)
    if let child = edges[edge] { return child }
    let child = addNode()
    edges[edge] = child
    return child
  }

  private mutating func addNode() -> Int32 {
    tokenIndices.append(-1)
    return Int32(tokenIndices.count - 1)
  }

  /// Calls `body` for each match in order, with its byte range and its id.
  ///
  /// - Parameter controlRanges: Ranges in which control tokens match, in order and disjoint; nil for everywhere.
  func forEachMatch(
    in bytes: UnsafeBufferPointer<UInt8>, controlRanges: [Range<Int>]?, _ body: (Range<Int>, Int32) -> Void
  ) {
    if tokens.isEmpty { return }
    firstNodes.withUnsafeBufferPointer { firstNodes in
      var controls = ControlRanges(controlRanges)
      /// End of the last match.
      var taken = 0
      var start = 0
      while start < bytes.count {
        let node = firstNodes[Int(bytes[start])]
        guard node != 0, let match = longestMatch(in: bytes, from: start, node, &controls) else {
          start += 1
          continue
        }
        let end = start + match.byteCount
        defer { start = end }
        let token = tokens[match.index]
        if token.isSingleWord && WordEdges.touchesWord(bytes, start..<end) { continue }
        let lower = token.stripsLeft ? WordEdges.startOfSpace(bytes, before: start, limit: taken) : start
        let upper = token.stripsRight ? WordEdges.endOfSpace(bytes, after: end) : end
        // White space that belongs to the previous match may extend past the start of this one.
        body(max(lower, taken)..<max(upper, taken), Int32(token.id))
        taken = max(upper, taken)
      }
    }
  }

  private func longestMatch(
    in bytes: UnsafeBufferPointer<UInt8>, from start: Int, _ first: Int32, _ controls: inout ControlRanges
  ) -> (index: Int, byteCount: Int)? {
    var node = first
    var end = start + 1
    var longest: (index: Int, byteCount: Int)?
    while true {
      let index = Int(tokenIndices[Int(node)])
      if index >= 0, !tokens[index].isControl || controls.contain(start..<end) {
        longest = (index, end - start)
      }
      guard end < bytes.count, let next = edges[Int64(node) << 8 | Int64(bytes[end])] else { return longest }
      node = next
      end += 1
    }
  }
}

/// Ranges in which control tokens match. Queries must come in ascending order.
private struct ControlRanges {
  private let ranges: [Range<Int>]?
  private var index = 0

  init(_ ranges: [Range<Int>]?) { self.ranges = ranges }

  mutating func contain(_ range: Range<Int>) -> Bool {
    guard let ranges else { return true }
    while index < ranges.count && ranges[index].upperBound <= range.lowerBound { index += 1 }
    return index < ranges.count && ranges[index].lowerBound <= range.lowerBound
      && range.upperBound <= ranges[index].upperBound
  }
}
