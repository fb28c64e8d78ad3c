import QuireText

/// A request inside the engine, from submission to its last event. Lives on the engine's thread.
final class ActiveRequest {
  /// What a token did to its request.
  enum Progress {
    case goesOn
    case ends(FinishReason, StopMatch?)
  }

  let id: RequestID
  let request: GenerationRequest
  /// Prompt and answer.
  private(set) var tokens: [Int32]
  private(set) var answerCount = 0
  private(set) var reasoningCount = 0
  private(set) var stamps: Stamps
  /// Tokens of the prompt that were computed for another request already.
  private(set) var reusedTokenCount = 0
  /// Tokens that took no step of their own.
  private(set) var acceptedDraftCount = 0

  /// When its time is over.
  let deadline: ContinuousClock.Instant?
  private let onEvent: @Sendable (GenerationEvent) -> Void
  private let endOfSequenceIDs: Set<Int32>
  /// Prompt and answer have at most this many tokens.
  let tokenLimit: Int
  private var sampler: Sampler
  private var text: AnswerText
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
    // Not prompt + maximum: that sum may overflow.
    let room = min(request.maximumTokens, limits.contextLength - request.promptTokens.count)
    tokenLimit = request.promptTokens.count + room
    tokens.reserveCapacity(tokenLimit)
    endOfSequenceIDs = request.ignoresEndOfSequence ? [] : limits.endOfSequenceIDs
    sampler = Sampler(
      request.sampling, prompt: request.promptTokens, maximumTokens: room,
      seed: UInt64.random(in: .min ... .max), vocabularySize: limits.vocabularySize)
    text = AnswerText(tokenizer: recorder.tokenizer, request: request)
    owesPromptEvent = request.wantsPromptLogprobs
    stamps = Stamps(submittedAt: submission.submittedAt)
  }

  /// Positions of the prompt whose logits score the token that follows.
  var scoredCount: Int { request.wantsPromptLogprobs ? request.promptTokens.count - 1 : 0 }

  /// The first step works on it.
  func begin(at now: ContinuousClock.Instant, reusedTokenCount: Int) {
    stamps.startedAt = now
    self.reusedTokenCount = reusedTokenCount
  }

  /// Whether its blocks may come from others and serve others. A prompt whose tokens are scored is computed whole.
  var sharesPrefix: Bool { request.usesPrefixCache && !request.wantsPromptLogprobs }

  /// Scores the prompt token after `position` with the logits of `position`.
  func score(
    position: Int, logits: UnsafeBufferPointer<Float>, recorder: TokenRecorder
  ) throws(GenerationError) {
    promptRecords.append(
      try recorder.record(
        tokens[position + 1], logits: logits, alternativeCount: request.logprobCount ?? 0,
        tokenIndex: position + 1))
  }

  /// Sends the prompt event if it is owed: every prompt token has been computed.
  func finishPrompt(recorder: TokenRecorder) {
    guard owesPromptEvent else { return }
    owesPromptEvent = false
    let first = recorder.record(request.promptTokens[0])
    onEvent(.prompt(tokens: [first] + promptRecords))
    promptRecords = []
  }

  /// Chooses the next token from its logits and sends what it adds to the answer.
  func advance(
    logits: UnsafeBufferPointer<Float>, now: ContinuousClock.Instant, recorder: TokenRecorder
  ) throws(GenerationError) -> Progress {
    let token = try sampler.next(logits: logits, workspace: recorder.workspace)
    var record =
      if let count = request.logprobCount {
        try recorder.record(token, logits: logits, alternativeCount: count, tokenIndex: answerCount)
      } else {
        recorder.record(token)
      }
    tokens.append(token)
    answerCount += 1
    stamps.noteToken(at: now)
    let reasoningBefore = reasoningCount
    let (piece, progress) = take(token)
    record.isReasoning = reasoningCount > reasoningBefore
    onEvent(.delta(piece.parts, token: record))
    return progress
  }

  /// The text that a token adds, and whether it ends the answer:
  /// 1. an end-of-sequence or stop token, whose own text is not given out;
  /// 2. a stop string, possibly one that the end of the text completes;
  /// 3. the last token that request or context allow.
  private func take(_ token: Int32) -> (AnswerText.Piece, Progress) {
    let wasThinking = text.isThinking
    defer { if wasThinking || text.isThinking { reasoningCount += 1 } }
    if endOfSequenceIDs.contains(token) {  // 1
      return (text.finish(), .ends(.stop, .endOfSequence(token)))
    }
    if request.stopTokenIDs.contains(token) {
      return (text.finish(), .ends(.stop, .token(token)))
    }
    var piece = text.append(token)
    if piece.match == nil && tokens.count == tokenLimit { piece += text.finish() }
    if let match = piece.match { return (piece, .ends(.stop, .string(match))) }  // 2
    return (piece, tokens.count == tokenLimit ? .ends(.length, nil) : .goesOn)  // 3
  }

  /// Tokens of the answer were drafts that came true.
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

/// When things happened to a request.
struct Stamps {
  let submittedAt: ContinuousClock.Instant
  /// First step that worked on it.
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

  /// Phases that were not reached take no time; the one under way lasts until `now`.
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
