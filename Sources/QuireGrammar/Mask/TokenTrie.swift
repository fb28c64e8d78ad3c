package import QuireText

/// The tokens of a tokenizer by their bytes: what a grammar is compared with.
///
/// A trie in preorder: the nodes below a node follow it, up to the node where its subtree ends. Control tokens are not in
/// it, because text cannot write them; added tokens that are ordinary words are.
package final class TokenTrie: Sendable {
  /// Number of ids; bits of a mask.
  package let vocabularySize: Int
  /// Byte that leads to each node. Node 0 is the root.
  let bytes: [UInt8]
  /// Length of the text of each node.
  let depths: [UInt16]
  /// Node after the subtree of each node.
  let ends: [Int32]
  /// Node above each node; 0 for the root.
  let parents: [Int32]
  /// Token whose bytes end at each node; −1 for none.
  let tokens: [Int32]
  /// Tokens with the bytes of another one: (the one in the trie, this one).
  let twins: [(first: Int32, other: Int32)]
  /// Bytes of the longest token.
  let depthMaximum: Int

  package var nodeCount: Int { bytes.count }
  /// Words of a mask, 64 tokens each.
  package var wordCount: Int { (vocabularySize + 63) / 64 }

  package init(_ tokenizer: Tokenizer) {
    vocabularySize = tokenizer.vocabularySize
    var builder = TrieBuilder()
    var twins: [(first: Int32, other: Int32)] = []
    let ids = (0..<Int32(truncatingIfNeeded: tokenizer.vocabularySize)).filter { !tokenizer.isControl($0) }
    for (bytes, id) in Self.sorted(ids, tokenizer) {
      if let first = builder.add(bytes, id) { twins.append((first, id)) }
    }
    builder.finish()
    self.twins = twins
    bytes = builder.bytes
    depths = builder.depths
    ends = builder.ends
    parents = builder.parents
    tokens = builder.tokens
    depthMaximum = Int(builder.depths.max() ?? 0)
  }

  /// Tokens in order of their bytes. Their first eight bytes decide almost always.
  private static func sorted(_ ids: [Int32], _ tokenizer: Tokenizer) -> [(ArraySlice<UInt8>, Int32)] {
    let entries = ids.compactMap { id -> (key: UInt64, bytes: ArraySlice<UInt8>, id: Int32)? in
      let bytes = tokenizer.bytes(of: id)
      if bytes.isEmpty { return nil }
      var key: UInt64 = 0
      for byte in bytes.prefix(8) { key = key << 8 | UInt64(byte) }
      return (key << UInt64(8 * (8 - min(8, bytes.count))), bytes, id)
    }
    return entries.sorted { left, right in
      if left.key != right.key { return left.key < right.key }
      if left.bytes.count <= 8 || right.bytes.count <= 8 {
        return (left.bytes.count, left.id) < (right.bytes.count, right.id)
      }
      let (leftRest, rightRest) = (left.bytes.dropFirst(8), right.bytes.dropFirst(8))
      if leftRest.elementsEqual(rightRest) { return left.id < right.id }
      return leftRest.lexicographicallyPrecedes(rightRest)
    }.map { ($0.bytes, $0.id) }
  }

  /// The node of some bytes; nil when no token begins with them.
  func node(of text: some Sequence<UInt8>) -> Int? {
    var node = 0
    for byte in text {
      let end = Int(ends[node])
      var child = node + 1
      while child < end && bytes[child] != byte { child = Int(ends[child]) }
      guard child < end else { return nil }
      node = child
    }
    return node
  }
}

extension TokenTrie {
  /// The nodes below a node.
  func nodeRange(below node: Int) -> Range<Int> { node + 1..<Int(ends[node]) }

  /// The bytes on the way to a node.
  func text(of node: Int) -> [UInt8] {
    var text: [UInt8] = []
    var index = node
    while index > 0 {
      text.append(bytes[index])
      index = Int(parents[index])
    }
    return text.reversed()
  }

  @inline(__always)
  func withPointers(
    _ body: (
      _ bytes: UnsafePointer<UInt8>, _ depths: UnsafePointer<UInt16>, _ ends: UnsafePointer<Int32>,
      _ tokens: UnsafePointer<Int32>
    ) -> Void
  ) {
    bytes.withUnsafeBufferPointer { bytes in
      depths.withUnsafeBufferPointer { depths in
        ends.withUnsafeBufferPointer { ends in
          tokens.withUnsafeBufferPointer { tokens in
            guard let bytes = bytes.baseAddress, let depths = depths.baseAddress,
              let ends = ends.baseAddress, let tokens = tokens.baseAddress
            else { return }
            body(bytes, depths, ends, tokens)
          }
        }
      }
    }
  }
}
