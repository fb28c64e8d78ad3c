import QuireJSON
package import QuireText
import Synchronization

/// Compiles constraints for one tokenizer, each once: those used last are kept.
///
/// Thread-safe. The tokens are put in order when the first constraint is compiled.
package final class ConstraintCompiler: Sendable {
  fileprivate struct Entry {
    let constraint: Constraint
    var lastUse: Int
  }

  fileprivate struct Cache {
    var entries: [UTF8Key: Entry] = [:]
    var useCount = 0
    var compilationCount = 0
  }

  private let tokenizer: Tokenizer
  private let capacity: Int
  private let byteLimit: Int
  private let trie = Mutex<TokenTrie?>(nil)
  private let cache = Mutex(Cache())

  /// - Parameters:
  ///   - capacity: constraints kept
  ///   - byteLimit: bytes of all that are kept, with what they remember; 64 MiB, unless the one used last alone takes
  ///     more. See `Constraint.byteCount`. Those of running requests stay in memory until these end
  package init(
    _ tokenizer: Tokenizer, capacity: Int = 32, byteLimit: Int = GrammarLimits.cacheBytesMaximum
  ) {
    self.tokenizer = tokenizer
    self.capacity = max(1, capacity)
    self.byteLimit = byteLimit
  }

  /// Throws a sentence for what is not supported, contradicts itself or is too large.
  package func compile(_ kind: Constraint.Kind) throws(GrammarError) -> Constraint {
    let source = kind.source
    guard source.utf8.count <= GrammarLimits.sourceBytesMaximum else {
      throw GrammarError(
        """
        expected a constraint of at most \(GrammarLimits.sourceBytesMaximum) bytes, found \(source.utf8.count); make it \
        smaller
        """)
    }
    let key = UTF8Key(source)
    if let known = cache.withLock({ $0.use(key) }) { return known }
    let constraint = try Constraint(try kind.grammar(), tokenizer: tokenizer, trie: sharedTrie())
    return cache.withLock { cache in
      let kept = cache.insert(constraint, for: key)
      cache.trim(capacity: capacity, byteLimit: byteLimit)
      return kept
    }
  }

  /// The tokens in order, which takes some 100 ms the first time.
  package func sharedTrie() -> TokenTrie {
    trie.withLock { trie in
      if let trie { return trie }
      let made = TokenTrie(tokenizer)
      trie = made
      return made
    }
  }

  /// Constraints that were compiled, rather than found in the cache.
  package var compilationCount: Int { cache.withLock { $0.compilationCount } }
}

extension ConstraintCompiler.Cache {
  fileprivate mutating func use(_ key: UTF8Key) -> Constraint? {
    useCount += 1
    entries[key]?.lastUse = useCount
    return entries[key]?.constraint
  }

  /// Keeps a constraint, unless another thread was faster; gives the one that is kept.
  fileprivate mutating func insert(_ constraint: Constraint, for key: UTF8Key) -> Constraint {
    compilationCount += 1
    if let known = use(key) { return known }
    entries[key] = ConstraintCompiler.Entry(constraint: constraint, lastUse: useCount)
    return constraint
  }

  /// Discards constraints, those used longest ago first, until the others are within both limits. One always stays.
  fileprivate mutating func trim(capacity: Int, byteLimit: Int) {
    var byteCount = entries.values.reduce(0) { $0 + $1.constraint.byteCount }
    while entries.count > capacity || (byteCount > byteLimit && entries.count > 1),
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      byteCount -= oldest.value.constraint.byteCount
      entries[oldest.key] = nil
    }
  }
}

extension Constraint.Kind {
  /// Its text, which identifies a constraint in the cache by its bytes.
  fileprivate var source: String {
    switch self {
    case .jsonObject: "object"
    case .jsonSchema(let schema): "schema " + schema.serialized()
    case .regex(let text): "regex " + text
    case .choice(let texts): "choice " + JSONValue.array(texts.map(JSONValue.string)).serialized()
    case .grammar(let text): "grammar " + text
    case .toolCalls(let tools, let allowsSeveral): "tools \(allowsSeveral) " + Self.key(of: tools)
    case .textAndToolCalls(let tools, let allowsSeveral):
      "text and tools \(allowsSeveral) " + Self.key(of: tools)
    case .toolCallsOrJSON(let tools, let allowsSeveral, let schema):
      "tools \(allowsSeveral) or schema "
        + JSONValue.array([.string(Self.key(of: tools)), schema]).serialized()
    }
  }

  private static func key(of tools: [ConstrainedTool]) -> String {
    JSONValue.array(tools.flatMap { [.string($0.name), $0.parameters ?? .null] }).serialized()
  }

  /// The grammar of the texts that are allowed.
  package func grammar() throws(GrammarError) -> Grammar {
    switch self {
    case .jsonObject: return JSONGrammar.anyObject()
    case .jsonSchema(let schema): return try SchemaReader.grammar(of: schema)
    case .regex(let text): return try RegexReader.grammar(of: text)
    case .choice(let texts):
      guard !texts.isEmpty else {
        throw GrammarError("choice: expected at least one text, found none; name the allowed answers")
      }
      var grammar = Grammar()
      grammar.root = .choice(texts.map(GrammarExpression.text))
      return grammar
    case .grammar(let text): return try GBNFReader.grammar(of: text)
    case .toolCalls(let tools, let allowsSeveral):
      return try ToolCallGrammar.grammar(of: tools, allowsSeveral: allowsSeveral)
    case .toolCallsOrJSON(let tools, let allowsSeveral, let schema):
      return try ToolCallGrammar.grammar(of: tools, allowsSeveral: allowsSeveral, instead: .valueOf(schema))
    case .textAndToolCalls(let tools, let allowsSeveral):
      return try ToolCallGrammar.grammar(of: tools, allowsSeveral: allowsSeveral, instead: .text)
    }
  }
}
