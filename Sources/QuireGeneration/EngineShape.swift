package import QuireModel
package import QuireTensors

/// The sizes of an engine: its options, checked against a model and completed with defaults.
package struct EngineShape: Sendable, Equatable {
  package let maximumSlots: Int
  /// Slots plus the length of the queue.
  package let maximumRequests: Int
  /// Tokens per step.
  package let tokenBudget: Int
  /// Rows of logits per step.
  package let logitRowBudget: Int
  /// Positions per sequence.
  package let contextLength: Int
  /// The longest context that the model was made for.
  package let contextLimit: Int
  /// Blocks of the cache.
  package let blockCount: Int
  package let threadCount: Int
  /// Ids below this are tokens. Rows of logits may be longer.
  package let vocabularySize: Int
  package let lookup: LookupMode
  /// Off without a draft model.
  package let modelDrafts: LookupMode
  package let keepsPrefixes: Bool

  /// Throws `invalidOption` with the first option that is out of range or does not fit the others.
  /// - Parameter draft: the draft model's configuration, if there is one; its cache is part of `cacheBytes`
  package init(
    _ options: EngineOptions, configuration: ModelConfiguration, draft: ModelConfiguration? = nil,
    vocabularySize: Int
  ) throws(GenerationError) {
    try Self.check("threadCount", options.threadCount ?? 1, in: 1...1024)
    try Self.check("maximumSlots", options.maximumSlots, in: 1...4096)
    try Self.check("maximumWaiting", options.maximumWaiting, in: 0...1_000_000)
    try Self.check("tokenBudget", options.tokenBudget, in: options.maximumSlots...65_536)
    try Self.check("logitRowBudget", options.logitRowBudget, in: 1...65_536)
    guard vocabularySize <= configuration.vocabularySize else {
      throw Self.invalid(
        "tokenizer",
        "tokenizer: expected at most the model's \(configuration.vocabularySize) tokens, found \(vocabularySize); use "
          + "the tokenizer that belongs to the model")
    }
    let context = try Self.contextAndBlocks(options, configuration: configuration, draft: draft)
    maximumSlots = options.maximumSlots
    maximumRequests = options.maximumSlots + options.maximumWaiting
    tokenBudget = options.tokenBudget
    logitRowBudget = max(options.maximumSlots, min(options.logitRowBudget, options.tokenBudget))
    contextLength = context.length
    contextLimit = configuration.contextPositions
    blockCount = context.blockCount
    threadCount = options.threadCount ?? ProcessLimits.coreCount
    self.vocabularySize = vocabularySize
    lookup = options.lookup
    modelDrafts = draft == nil ? .off : options.modelDrafts
    keepsPrefixes = options.keepsPrefixes
  }

  /// Context and cache depend on each other:
  /// 1. The number of blocks is as given, or else computed from the bytes, but not more than all slots can fill.
  /// 2. The context is as given, or else as long as model and cache allow.
  /// 3. One sequence of full context must fit the cache; otherwise it could never finish.
  private static func contextAndBlocks(
    _ options: EngineOptions, configuration: ModelConfiguration, draft: ModelConfiguration?
  ) throws(GenerationError) -> (length: Int, blockCount: Int) {
    let blockSize = KeyValueCache.blockSize
    try check("contextLength", options.contextLength ?? 1, in: 1...configuration.contextPositions)
    let wanted = options.contextLength ?? configuration.contextPositions
    let blockCount: Int
    if let given = options.cacheBlockCount {
      try check("cacheBlockCount", given, in: 1...Int(Int32.max))
      blockCount = given
    } else {
      let blockBytes = options.blockBytes(configuration, draft: draft)
      try check("cacheBytes", options.cacheBytes, in: blockBytes...Int.max)
      let useful = KeyValueCache.blockCount(positions: wanted) * options.maximumSlots
      blockCount = min(useful, options.cacheBytes / blockBytes, Int(Int32.max))
    }
    let held = blockCount * blockSize
    if let asked = options.contextLength, asked > held {
      throw invalid(
        "contextLength",
        "expected a KV cache that holds the context of \(asked) tokens, found memory for \(held); give the cache "
          + "more memory or shorten the context"
      )
    }
    return (min(wanted, held), blockCount)
  }

  private static func check(
    _ name: String, _ value: Int, in range: ClosedRange<Int>
  ) throws(GenerationError) {
    guard range.contains(value) else {
      let bounds =
        range.upperBound == .max
        ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
      throw invalid(name, "\(name): expected \(bounds), found \(value); correct it")
    }
  }

  private static func invalid(_ name: String, _ sentence: String) -> GenerationError {
    .invalidOption(name: name, sentence: sentence)
  }
}

extension EngineOptions {
  /// Bytes of a block of keys and values, the target's and the draft model's.
  package func blockBytes(_ configuration: ModelConfiguration, draft: ModelConfiguration?) -> Int {
    KeyValueCache.blockBytes(configuration, element: keyValueElement)
      + (draft.map { KeyValueCache.blockBytes($0, element: draftElement($0)) } ?? 0)
  }

  /// How the draft model's keys and values are stored: as the target's, if that holds heads of its size.
  package func draftElement(_ draft: ModelConfiguration) -> KeyValueElement {
    keyValueElement.holds(headSize: draft.headSize) ? keyValueElement : .float16
  }
}
