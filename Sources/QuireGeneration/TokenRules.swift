import QuireGrammar

/// Which tokens may come next in one answer: those that its constraint and the fields of its request allow.
///
/// The rules are:
///
/// 1. The answer follows the constraint; an end comes only where the constraint is complete.
/// 2. Only allowed tokens come, if the request names some. This holds for ends, too. An id without a token never comes.
/// 3. No end comes before the answer has its least number of tokens, unless nothing else could come, and none in the
///    thought before a constrained answer.
/// 4. The last token of a bad word does not come after its other tokens.
struct TokenRules {
  /// Follows the answer through its constraint; nil for an answer without one.
  private let constraint: ConstraintMatcher?
  /// What ends an answer that is complete.
  private let endIDs: [Int32]
  private let allowed: TokenMask?
  private let minimumCount: Int
  private let badWords: [[Int32]]
  private let promptCount: Int
  /// Tokens that must not come next.
  private var excluded: [Int32] = []

  /// - Parameter usedTokens: The ids that have a token; nil when all have one.
  init(
    _ request: GenerationRequest, endOfSequenceIDs: Set<Int32>, vocabularySize: Int,
    usedTokens: TokenMask? = nil
  ) {
    constraint = request.constraint.map {
      ConstraintMatcher($0, prompt: request.promptTokens, chatFormat: request.chatFormat)
    }
    let endIDs = endOfSequenceIDs.union(request.stopTokenIDs).sorted().filter { Int($0) < vocabularySize }
    self.endIDs = endIDs
    allowed =
      request.allowedTokenIDs.map { ids in
        TokenMask(
          of: ids.filter { usedTokens?.contains($0) ?? true }, vocabularySize: vocabularySize)
      } ?? usedTokens
    let onlyEnds = request.allowedTokenIDs.map { Set($0).isSubset(of: endIDs) } ?? false
    minimumCount = onlyEnds ? 0 : request.minimumTokens
    badWords = request.badWords
    promptCount = request.promptTokens.count
    // Capacity for all, so that a decode step does not allocate.
    if minimumCount > 0 || constraint != nil || !badWords.isEmpty {
      excluded.reserveCapacity(endIDs.count + badWords.count)
    }
  }

  /// Whether the answer is all that its constraint allows.
  var isFinished: Bool { constraint?.isFinished ?? false }

  /// Whether the next token may belong to a thought, as far as the constraint goes.
  var mayThink: Bool { constraint?.isThinking ?? true }

  /// The tokens that may follow prompt and answer; nil when all may.
  mutating func restriction(after tokens: [Int32]) throws(GenerationError) -> TokenRestriction? {
    excluded.removeAll(keepingCapacity: true)
    var mayEnd = tokens.count - promptCount >= minimumCount
    var (mask, extras): (TokenMask?, [Int32]) = (nil, [])
    if let next = try allowedByConstraint() {
      mask = next.mask
      let isEmpty = next.mask.isEmpty && next.extraToken == nil
      guard !isEmpty || next.allowsEnd && !endIDs.isEmpty else { throw .nothingAllowed }
      if isEmpty { mayEnd = true }
      if next.allowsEnd && mayEnd { extras = endIDs }
      if let token = next.extraToken, !extras.contains(token) { extras.append(token) }
    }
    if constraint?.isThinking == true { mayEnd = false }
    if !mayEnd { excluded.append(contentsOf: endIDs) }
    for word in badWords where isNext(word, after: tokens) { excluded.append(word[word.count - 1]) }
    if mask == nil && allowed == nil && excluded.isEmpty { return nil }
    return TokenRestriction(mask: mask, extras: extras, limit: allowed, excluded: excluded)
  }

  private func allowedByConstraint() throws(GenerationError) -> AllowedTokens? {
    guard let constraint else { return nil }
    do throws(GrammarError) {
      return try constraint.allowedTokens()
    } catch {
      throw .unusableConstraint(error.description)
    }
  }

  /// Whether the answer ends with all tokens of the word but the last.
  private func isNext(_ word: [Int32], after tokens: [Int32]) -> Bool {
    let start = tokens.count - (word.count - 1)
    guard start >= promptCount else { return false }
    for index in start..<tokens.count where tokens[index] != word[index - start] { return false }
    return true
  }

  /// Advances the constraint by a token. End tokens are no part of it.
  func follow(_ token: Int32) throws(GenerationError) {
    guard let constraint, !endIDs.contains(token) || !constraint.isComplete else { return }
    guard constraint.accept(token) else { throw .nothingAllowed }
  }

  /// How many of these drafts can follow, as far as the constraint goes.
  func possibleCount(of drafts: ArraySlice<Int32>) -> Int {
    constraint?.acceptedCount(of: drafts) ?? drafts.count
  }
}
