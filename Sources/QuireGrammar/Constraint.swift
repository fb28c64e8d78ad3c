package import QuireJSON
package import QuireText
import Synchronization

/// A constraint on answers, compiled for one tokenizer. Requests for the same constraint share it.
///
///     let compiler = ConstraintCompiler(tokenizer)
///     let constraint = try compiler.compile(.regex("[0-9]{4}"))
///     constraint.accepts("2026")  // true
///
/// Requests follow it with a `ConstraintMatcher`.
///
/// Unchecked: what changes is only used under `lock`.
package final class Constraint: @unchecked Sendable {
  package enum Kind: Sendable, Equatable {
    /// Any JSON object.
    case jsonObject
    /// A JSON value that a schema allows; see `SchemaReader` for the keywords.
    case jsonSchema(JSONValue)
    /// A text that the expression matches as a whole; see `RegexReader`.
    case regex(String)
    /// One of these texts.
    case choice([String])
    /// A text of a grammar in GBNF; see `GBNFReader`.
    case grammar(String)
    /// One tool call in the form of Qwen3's template, or several.
    case toolCalls([ConstrainedTool], allowsSeveral: Bool)
    /// The same, or a JSON value that a schema allows.
    case toolCallsOrJSON([ConstrainedTool], allowsSeveral: Bool, schema: JSONValue)
    /// Any text, then calls or none.
    case textAndToolCalls([ConstrainedTool], allowsSeveral: Bool)
  }

  /// Ids of the tokenizer that the constraint is compiled for.
  package var vocabularySize: Int { trie.vocabularySize }
  let trie: TokenTrie
  let tokenizer: Tokenizer
  /// Ids of the grammar's tags.
  let tagIDs: [Int32]
  private let start: Int32
  private let startAfterThought: Int32
  private let lock = Mutex<Void>(())
  /// States, transitions and masks; protected by `lock`.
  private let maker: MaskMaker

  /// Throws when the grammar is too large, too much work, contradicts itself or names a tag that the tokenizer lacks.
  ///
  /// - Parameter stateCountMaximum: states that are remembered; changes nothing but time and memory
  package init(
    _ grammar: Grammar, tokenizer: Tokenizer, trie: TokenTrie,
    stateCountMaximum: Int = GrammarLimits.stateCountMaximum
  ) throws(GrammarError) {
    var ids: [Int32] = []
    for tag in grammar.tags {
      guard let id = tokenizer.controlID(of: tag) else {
        throw GrammarError(
          "expected a tokenizer with the token \(tag), found one without; use a model of the Qwen3 family for tools"
        )
      }
      ids.append(id)
    }
    let network = try NetworkBuilder.build(grammar, tokenBytesMaximum: trie.depthMaximum)
    self.tokenizer = tokenizer
    self.trie = trie
    tagIDs = ids
    start = network.start
    startAfterThought = network.startAfterThought
    maker = MaskMaker(
      Automaton(network, stateCountMaximum: stateCountMaximum), trie: trie, tagIDs: ids)
    try checkWork()
  }

  /// The first mask shows whether the grammar is usable at all.
  private func checkWork() throws(GrammarError) {
    let isUsable = withMaker { maker in
      let handle = maker.automaton.hold(maker.automaton.startState(at: start))
      defer { maker.automaton.release(handle) }
      return (try? maker.mask(ofHandle: handle)) != nil
    }
    if !isUsable { throw GrammarError(Self.overloadSentence) }
  }

  static let overloadSentence = overloadSentence(
    expected: "\(GrammarLimits.maskWorkMaximum) steps to find what one token may be")
  static let answerOverloadSentence = overloadSentence(
    expected: "\(GrammarLimits.answerWorkPerToken) steps for each token of an answer to find what it may be")

  private static func overloadSentence(expected: String) -> String {
    """
    expected a constraint with at most \(expected), found more, because it is very ambiguous; use fewer alternatives \
    that begin alike
    """
  }

  /// Runs `body` with the automaton and its masks, which nobody else uses meanwhile.
  func withMaker<Result: Sendable>(_ body: (MaskMaker) -> Result) -> Result {
    lock.withLock { _ in body(maker) }
  }

  func startState(_ maker: MaskMaker, afterThought: Bool) -> Int32 {
    maker.automaton.startState(at: afterThought ? startAfterThought : start)
  }

  /// Whether a whole text satisfies the constraint. Text writes no tags.
  package func accepts(_ text: some Sequence<UInt8>) -> Bool {
    let bytes = Array(text)
    return withMaker { maker in
      var state = startState(maker, afterThought: false)
      for byte in bytes {
        state = maker.automaton.next(state, byte: byte)
        if state == Automaton.deadState { return false }
      }
      return maker.automaton.isComplete(state)
    }
  }

  package func accepts(_ text: String) -> Bool { accepts(text.utf8) }

  /// Bytes that the constraint takes, about: its network, and the states, transitions and masks that it remembers.
  package var byteCount: Int { withMaker { $0.byteCount } }

  /// Work for masks so far.
  package var counts: (nodeVisits: Int, localWalks: Int, positions: Int, states: Int) {
    withMaker { ($0.visitCount, $0.localWalkCount, $0.automaton.work, $0.automaton.states.count) }
  }
}

extension Constraint: Equatable {
  package static func == (left: Constraint, right: Constraint) -> Bool { left === right }
}

/// A function that a call may name.
package struct ConstrainedTool: Sendable, Equatable {
  package let name: String
  /// JSON Schema of its arguments; nil for a function without arguments.
  package let parameters: JSONValue?
  /// What the schema is called in sentences; nil: by the function's index among those that may be called.
  package let path: String?
  /// Whether a call that the model makes by itself is held to the schema, too.
  package let isStrict: Bool

  package init(name: String, parameters: JSONValue?, path: String? = nil, isStrict: Bool = false) {
    self.name = name
    self.parameters = parameters
    self.path = path
    self.isStrict = isStrict
  }

  /// A function whose arguments may be any object.
  package var withoutSchema: ConstrainedTool {
    ConstrainedTool(name: name, parameters: ["type": "object", "additionalProperties": true], path: path)
  }
}
