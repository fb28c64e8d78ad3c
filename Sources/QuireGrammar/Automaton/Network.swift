/// A grammar as one graph: nodes are positions between two bytes, edges say what leads from one to the next.
///
/// Each rule has a start and an end of its own. An edge that calls a rule leads to its start and remembers where to
/// return to: a recursive transition network (Woods, 1970), which `Automaton` runs.
struct Network: Sendable {
  enum EdgeKind: UInt8, Sendable {
    /// A byte from `low` to `high` leads to `target`.
    case bytes
    /// The control token of index `low` leads to `target`.
    case tag
    /// Nothing has to be read to be at `target`.
    case free
    /// The rule that starts at `target` is read; then the position is `returnNode`.
    case call
  }

  struct Edge: Sendable {
    var kind: EdgeKind
    var low: UInt8 = 0
    var high: UInt8 = 0
    var target: Int32
    var returnNode: Int32 = 0
  }

  /// Node that means: the whole text has been read.
  static let acceptNode: Int32 = 0
  /// Node that means: what is known of the stack has been left. See `Automaton.localState`.
  static let escapeNode: Int32 = 1

  /// Edges by node: first those that read something, then the others.
  let edges: [Edge]
  let firstEdges: [Int32]  // (nodeCount + 1)
  /// First edge of each node that reads nothing.
  let firstMoves: [Int32]  // (nodeCount)
  /// Whether a node is the end of its rule.
  let isEnd: [Bool]  // (nodeCount)
  /// The node that a node behaves like for as long as no more bytes are read than the longest token has.
  let alikes: [Int32]  // (nodeCount)
  /// Class of each byte: bytes of one class are on the same edges everywhere.
  let classes: [UInt8]  // (256)
  let byteClassCount: Int
  let tagCount: Int
  /// Where an answer begins.
  let start: Int32
  /// Where an answer after a thought begins: line feeds may come first.
  let startAfterThought: Int32

  var nodeCount: Int { isEnd.count }
  var byteCount: Int {
    edges.count * MemoryLayout<Edge>.stride + nodeCount * (3 * MemoryLayout<Int32>.stride + 1)
  }
  var symbolCount: Int { byteClassCount + tagCount }
  func symbol(ofTag tag: Int) -> Int { byteClassCount + tag }
}
