import QuireText

/// A request inside the engine, from submission to its last event. Used only on the engine's thread.
final class ActiveRequest {
  /// The effect of a token on its request.
  enum Progress {
    case continues
    case ends(FinishReason, StopMatch?)
  }

  let id: RequestID
  let request: GenerationRequest
  /// Prompt and answer.
  private(set) var tokens: [Int32]
  private(set) var answerCount = 0
  private(set) var reasoningCount = 0
  private(set) var stamps: Stamps
  /// Prompt tokens whose keys and values were already in the cache when the request started.
  private(set) var reusedTokenCount = 0
  /// Tokens that did not need their own step because they were accepted drafts.
  private(set) var acceptedDraftCount = 0

  /// When the request's time limit is reached; `nil` without a limit.
  let deadline: ContinuousClock.Instant?
  private let onEvent: @Sendable (GenerationEvent) -> Void
  private let endOfSequenceIDs: Set<Int32>
  /// Prompt and answer have at most this many tokens.
  let tokenLimit: Int
  private var rules: TokenRules
  private var thought: ThoughtLimiter?
  private var sampler: Sampler
  private var text: AnswerText
  /// Whether the answer has a line feed; known only with a time limit that needs it.
  private var hasLineFeed = false
  /// Computed tokens of the prompt that were reported.
  private var reportedCount = 0
  /// Scored prompt tokens, until the prompt event takes them.
  private var promptRecords: [TokenRecord] = []
  private var owesPromptEvent: Bool

  init(_ submission: Mailbox.Submission, recorder: TokenRecorder, limits: EngineLimits) {
    let request = submission.request
    id = submission.id
    self.request = request
    onEvent = submission.onEvent
    deadline = request.secondsMaximum.map { submission.submittedAt + .seconds($0) }
    tokens = request.promptTokens
    // The sum prompt + maximum could overflow.
    let answerLimit = min(request.maximumTokens, limits.contextLength - request.promptTokens.count)
    tokenLimit = request.promptTokens.count + answerLimit
    tokens.reserveCapacity(tokenLimit)
    endOfSequenceIDs = request.ignoresEndOfSequence ? [] : limits.endOfSequenceIDs
    rules = TokenRules(
      request, endOfSequenceIDs: endOfSequenceIDs, vocabularySize: limits.vocabularySize,
      usedTokens: limits.usedTokens)
    sampler = Sampler(
      request.sampling, prompt: request.promptTokens, maximumTokens: answerLimit,
      seed: UInt64.random(in: .min ... .max), vocabularySize: limits.vocabularySize)
    let text = AnswerText(tokenizer: recorder.tokenizer, request: request)
    self.text = text
    thought = request.thinking.map { ThoughtLimiter($0, answerLimit: answerLimit, text: text) }
    owesPromptEvent = request.wantsPromptLogprobs
    stamps = Stamps(submittedAt: submission.submittedAt)
  }

  /// Number of prompt positions whose logits score the next prompt token.
  var scoredCount: Int { request.wantsPromptLogprobs ? request.promptTokens.count - 1 : 0 }

  /// Records that the first step computes tokens of the request.
  func begin(at now: ContinuousClock.Instant, reusedTokenCount: Int) {
    stamps.startedAt = now
    self.reusedTokenCount = reusedTokenCount
  }

  /// Sends how much of the prompt is computed, if the request wants to know.
  func reportProgress(computedCount: Int) {
    guard request.reportsProgress, answerCount == 0, let start = stamps.startedAt else { return }
    // After a preemption tokens are computed again.
    reportedCount = max(reportedCount, computedCount)
    onEvent(
      .progress(
        PromptProgress(
          promptTokens: request.promptTokens.count, cachedTokens: reusedTokenCount,
          computedTokens: reportedCount, seconds: start.duration(to: .now).seconds)))
  }

  /// Whether it shares cache blocks with other requests. A prompt whose tokens are scored is computed completely.
  var sharesPrefix: Bool { request.usesPrefixCache && !request.wantsPromptLogprobs }

  /// Scores the prompt token after `position` with the logits of `position`.
  func score(
    position: Int, logits: UnsafeBufferPointer<Float>, recorder: TokenRecorder
  ) throws(GenerationError) {
    promptRecords.append(
      try recorder.record(
        tokens[position + 1], logits: logits,
        alternativeCount: request.promptLogprobCount ?? request.logprobCount ?? 0,
        tokenIndex: position + 1, ranks: true))
  }

  /// Sends the prompt event if it was requested and not sent yet. Every prompt token has been computed.
  func finishPrompt(recorder: TokenRecorder) {
    guard owesPromptEvent else { return }
    owesPromptEvent = false
    let first = recorder.record(request.promptTokens[0])
    onEvent(.prompt(tokens: [first] + promptRecords))
    promptRecords = []
  }

  /// Chooses the next token from its logits, unless it is forced, and sends the text that it adds to the answer.
  func advance(
    logits: UnsafeBufferPointer<Float>, now: ContinuousClock.Instant, recorder: TokenRecorder
  ) throws(GenerationError) -> Progress {
    let token = try next(logits: logits, recorder: recorder)
    try rules.follow(token)
    var record =
      if let count = request.logprobCount, request.logprobSource == .sampler {
        recorder.record(
          token, distribution: sampler.lastDistribution(of: token, workspace: recorder.workspace),
          alternativeCount: count)
      } else if let count = request.logprobCount {
        try recorder.record(
          token, logits: logits, alternativeCount: count, among: request.logprobTokenIDs,
          tokenIndex: answerCount)
      } else {
        recorder.record(token)
      }
    tokens.append(token)
    answerCount += 1
    stamps.noteToken(at: now)
    let reasoningBefore = reasoningCount
    let (piece, progress) = take(token, isLate: isLate(record.bytes, now))
    thought?.note(answerCount: answerCount, isThinking: text.isThinking && rules.mayThink, text)
    record.isReasoning = reasoningCount > reasoningBefore
    onEvent(.delta(piece.parts, token: record))
    return progress
  }

  private func next(
    logits: UnsafeBufferPointer<Float>, recorder: TokenRecorder
  ) throws(GenerationError) -> Int32 {
    if let token = thought?.takeForced() {
      sampler.note(token)
      return token
    }
    let restriction = try rules.restriction(after: tokens)
    return try sampler.next(logits: logits, workspace: recorder.workspace, among: restriction)
  }

  /// The tokens that come next, whatever the model prefers.
  var forcedTokens: ArraySlice<Int32> { thought?.forced ?? [] }
  var hasForcedTokens: Bool { thought?.forced.isEmpty == false }

  /// How many of these drafts can follow, as far as the constraint goes.
  func possibleCount(of drafts: ArraySlice<Int32>) -> Int { rules.possibleCount(of: drafts) }

  /// The text that a token adds, and whether it ends the answer:
  /// 1. an end-of-sequence or stop token, whose own text is delivered only on request;
  /// 2. a stop string, possibly found in text that was held back until the end;
  /// 3. the last token that the constraint allows;
  /// 4. the last token that the request or the context allows.
  /// 5. the first token after the time limit for the answer.
  private func take(_ token: Int32, isLate: Bool) -> (AnswerText.Piece, Progress) {
    let wasThinking = text.isThinking
    defer { if wasThinking || text.isThinking { reasoningCount += 1 } }
    text.searchesStops = answerCount >= request.minimumTokens
    if endOfSequenceIDs.contains(token) {  // 1
      return (end(with: token), .ends(.stop, .endOfSequence(token)))
    }
    if request.stopTokenIDs.contains(token) {
      return (end(with: token), .ends(.stop, .token(token)))
    }
    var piece = text.append(token)
    let isComplete = rules.isFinished
    let isLast = isComplete || isLate || tokens.count == tokenLimit
    if piece.match == nil && isLast { piece += text.finish() }
    if let match = piece.match { return (piece, .ends(.stop, .string(match))) }  // 2
    if isComplete { return (piece, .ends(.stop, .constraint)) }  // 3
    if tokens.count == tokenLimit { return (piece, .ends(.length, nil)) }  // 4
    return (piece, isLate ? .ends(.timedOut, nil) : .continues)  // 5
  }

  /// Whether the time limit for the answer has passed and the answer, of which these are the last bytes, has a line feed.
  private func isLate(_ bytes: ArraySlice<UInt8>, _ now: ContinuousClock.Instant) -> Bool {
    guard let limit = request.decodeSecondsMaximum, let first = stamps.firstTokenAt else { return false }
    hasLineFeed = hasLineFeed || bytes.contains(UInt8(ascii: "\n"))
    return hasLineFeed && first.duration(to: now).seconds > limit
  }

  private func end(with token: Int32) -> AnswerText.Piece {
    guard request.includesStop else { return text.finish() }
    var piece = text.append(token)
    piece += text.finish()
    return piece
  }

  /// Counts tokens of the answer that were accepted drafts.
  func noteAcceptedDrafts(_ count: Int) { acceptedDraftCount += count }

  /// Sends the last event.
  func finish(_ reason: FinishReason, _ match: StopMatch?, now: ContinuousClock.Instant) {
    onEvent(
      .finished(
        GenerationResult(
          reason: reason, match: match, promptTokens: request.promptTokens.count,
          cachedTokens: reusedTokenCount, completionTokens: answerCount, reasoningTokens: reasoningCount,
          acceptedDraftTokens: acceptedDraftCount, timings: stamps.timings(until: now))))
  }
}

/// The times of a request's events.
struct Stamps {
  let submittedAt: ContinuousClock.Instant
  /// The first step that computed tokens of it.
  var startedAt: ContinuousClock.Instant?
  private(set) var firstTokenAt: ContinuousClock.Instant?
  private(set) var lastTokenAt: ContinuousClock.Instant?
  /// Seconds between the last two tokens.
  private(set) var secondsBetweenTokens: Double?

  init(submittedAt: ContinuousClock.Instant) {
    self.submittedAt = submittedAt
  }

  mutating func noteToken(at now: ContinuousClock.Instant) {
    secondsBetweenTokens = lastTokenAt.map { $0.duration(to: now).seconds }
    if firstTokenAt == nil { firstTokenAt = now }
    lastTokenAt = now
  }

  /// Phases that were not reached take no time; the current phase lasts until `now`.
  func timings(until now: ContinuousClock.Instant) -> GenerationTimings {
    GenerationTimings(
      queueSeconds: submittedAt.duration(to: startedAt ?? now).seconds,
      prefillSeconds: startedAt.map { $0.duration(to: firstTokenAt ?? now).seconds } ?? 0,
      decodeSeconds: firstTokenAt.map { $0.duration(to: now).seconds } ?? 0)
  }
}

extension Duration {
  var seconds: Double {
    Double(components.seconds) + Double(components.attoseconds) * 1e-18
  }
}
