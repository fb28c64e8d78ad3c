package import QuireText

/// Follows the answer of one request through its constraint.
///
///     let matcher = ConstraintMatcher(constraint, prompt: ids, chatFormat: .qwen3)
///     let allowed = try matcher.allowedTokens()   // nil: everything is
///     matcher.accept(token)                       // the token that was chosen
///     matcher.isFinished                          // the answer is complete, and nothing can follow
///
/// A thought is free: until `</think>` everything is allowed but the end, since the answer has to come. After it come at most two
/// line feeds, then the constrained answer. Where the prompt ends with the head of the answer, the model may open a
/// thought with its tag or begin the answer at once.
///
/// Not thread-safe; many matchers may follow one constraint, each on its own thread.
package final class ConstraintMatcher {
  private enum Phase {
    /// Before the first token of an answer that may begin with a thought.
    case opening
    /// In a thought whose last bytes are the first so many of the closing tag.
    case thinking(tagByteCount: Int)
    case answering
  }

  private let constraint: Constraint
  private var phase: Phase
  /// Holds the state of the answer, or the one that it begins with.
  private let handle: Int
  /// Steps that further masks may take; each token adds some.
  private var workLeft = GrammarLimits.answerWorkReserve

  /// The closing tag of a thought, and the ids of both tags where they are tokens.
  private let tagBytes: [UInt8]
  private let startID: Int32?
  private let endID: Int32?

  /// - Parameter chatFormat: nil for an answer that has no thoughts
  package init(
    _ constraint: Constraint, prompt: some BidirectionalCollection<Int32>, chatFormat: ChatFormat?
  ) {
    self.constraint = constraint
    let tokenizer = constraint.tokenizer
    phase = .answering
    let tags = chatFormat?.answer.reasoning
    tagBytes = Array(tags?.end.utf8 ?? ChatFormat.thoughtEnd.utf8)
    startID = tags.flatMap { tokenizer.controlID(of: $0.start) }
    endID = tags.flatMap { tokenizer.controlID(of: $0.end) }
    if let chatFormat {
      if chatFormat.startsInThinking(prompt, tokenizer) {
        phase = .thinking(tagByteCount: 0)
      } else if chatFormat.mayOpenThought(prompt, tokenizer) {
        phase = .opening
      }
    }
    let afterThought = if case .thinking = phase { true } else { false }
    handle = constraint.withMaker {
      $0.automaton.hold(constraint.startState($0, afterThought: afterThought))
    }
  }

  deinit { constraint.withMaker { [handle] in $0.automaton.release(handle) } }

  /// The tokens that may come next; nil when all may, except for an end in a thought. To be called once for each token.
  ///
  /// Throws a sentence when finding them takes too much work, or those of the whole answer do: other streams wait
  /// meanwhile.
  package func allowedTokens() throws(GrammarError) -> AllowedTokens? {
    let phase = phase
    let (allowed, work) = constraint.withMaker {
      [handle, tagBytes, startID] maker -> (Result<AllowedTokens?, MaskOverload>, work: Int) in
      let state = maker.automaton.state(of: handle)
      let workBefore = maker.work
      let allowed = Result { () throws(MaskOverload) -> AllowedTokens? in
        if case .thinking(let count) = phase {
          return try maker.freeMask(after: tagBytes[count...], state: state).map { AllowedTokens(mask: $0) }
        }
        var allowed = AllowedTokens(mask: try maker.mask(ofHandle: handle))
        allowed.allowsEnd = maker.automaton.isComplete(maker.automaton.state(of: handle))
        if case .opening = phase {
          allowed.extraToken = startID
        }
        return allowed
      }
      return (allowed, maker.work - workBefore)
    }
    workLeft = min(workLeft + GrammarLimits.answerWorkPerToken, GrammarLimits.answerWorkReserve) - work
    if workLeft < 0 { throw GrammarError(Constraint.answerOverloadSentence) }
    switch allowed {
    case .success(let allowed): return allowed
    case .failure: throw GrammarError(Constraint.overloadSentence)
    }
  }

  /// Advances by the chosen token. False, without a change, when the constraint does not allow it.
  package func accept(_ token: Int32) -> Bool {
    var phase = phase
    let isAccepted = constraint.withMaker { [handle] maker in
      var state = maker.automaton.state(of: handle)
      guard step(token, &phase, &state, maker) else { return false }
      maker.automaton.move(handle, to: state)
      return true
    }
    if isAccepted { self.phase = phase }
    return isAccepted
  }

  /// How many of the tokens that may come next can do so, one after the other. The state does not change.
  package func acceptedCount(of tokens: some Collection<Int32>) -> Int {
    var phase = phase
    return constraint.withMaker { [handle] maker in
      var state = maker.automaton.state(of: handle)
      var count = 0
      for token in tokens {
        guard step(token, &phase, &state, maker) else { break }
        count += 1
      }
      return count
    }
  }

  /// Whether the next token belongs to a thought.
  package var isThinking: Bool { if case .thinking = phase { true } else { false } }

  /// Whether the answer is complete and nothing can follow.
  package var isFinished: Bool {
    guard case .answering = phase else { return false }
    return constraint.withMaker { [handle] in $0.automaton.isFinal($0.automaton.state(of: handle)) }
  }

  /// Whether the answer may end here, which it may not in a thought.
  package var isComplete: Bool {
    if case .thinking = phase { return false }
    return constraint.withMaker { [handle] in $0.automaton.isComplete($0.automaton.state(of: handle)) }
  }

  // MARK: One token

  private func step(_ token: Int32, _ phase: inout Phase, _ state: inout Int32, _ maker: MaskMaker) -> Bool {
    switch phase {
    case .thinking(let count):
      return think(token, tagByteCount: count, &phase, &state, maker)
    case .opening where token == startID:
      phase = .thinking(tagByteCount: 0)
      state = constraint.startState(maker, afterThought: true)
      return true
    case .opening, .answering:
      phase = .answering
      return answer(token, &state, maker)
    }
  }

  private func answer(_ token: Int32, _ state: inout Int32, _ maker: MaskMaker) -> Bool {
    let automaton = maker.automaton
    var next = state
    if let tag = constraint.tagIDs.firstIndex(of: token) {
      next = automaton.next(next, symbol: automaton.network.symbol(ofTag: tag))
    } else if constraint.tokenizer.isControl(token) {
      return false
    } else {
      let bytes = constraint.tokenizer.bytes(of: token)
      if bytes.isEmpty { return false }
      for byte in bytes { next = automaton.next(next, byte: byte) }
    }
    guard next != Automaton.deadState else { return false }
    state = next
    return true
  }

  /// How many bytes of the tag a thought ends with after another byte; tags are short.
  private func matchedCount(after count: Int, _ byte: UInt8) -> Int {
    if byte == tagBytes[count] { return count + 1 }
    let read = tagBytes[..<count] + [byte]
    return (1...count + 1).first { read.dropFirst($0).elementsEqual(tagBytes.prefix(count + 1 - $0)) }
      .map { count + 1 - $0 } ?? 0
  }

  /// Looks for the end of the thought, as the text is split: special tokens leave no text.
  private func think(
    _ token: Int32, tagByteCount: Int, _ phase: inout Phase, _ state: inout Int32, _ maker: MaskMaker
  ) -> Bool {
    if constraint.tokenizer.isSpecial(token) && token != endID { return true }
    var count = tagByteCount
    var bytes = constraint.tokenizer.bytes(of: token)
    while let byte = bytes.popFirst() {
      count = matchedCount(after: count, byte)
      if count == tagBytes.count { break }
    }
    guard count == tagBytes.count else {
      phase = .thinking(tagByteCount: count)
      return true
    }
    var next = state
    for byte in bytes { next = maker.automaton.next(next, byte: byte) }
    guard next != Automaton.deadState else { return false }
    (phase, state) = (.answering, next)
    return true
  }
}

/// The tokens that may come next.
package struct AllowedTokens: Sendable {
  package let mask: TokenMask
  /// Whether the answer may end here: end-of-sequence tokens are not in the mask.
  package var allowsEnd = false
  /// A token that is allowed in addition to the mask.
  package var extraToken: Int32?
}
