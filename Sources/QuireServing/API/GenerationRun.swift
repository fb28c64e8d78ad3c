import QuireGeneration
import Synchronization

/// Runs the choices of one API request on the generator and sends the resulting reply.
///
///     choices ──submit──▶ generator ──events──▶ reply ──JSON──▶ exchange
final class GenerationRun: Sendable {
  private enum Stage {
    /// Choices are being submitted; events that arrive meanwhile are kept.
    case opening(early: [(event: GenerationEvent, choice: Int)])
    case running
    case over
  }

  private struct Guarded {
    var stage = Stage.opening(early: [])
    var reply: any Reply
    var unfinishedCount: Int
    var ids: [RequestID] = []
    /// What the log has of each choice.
    var counts: [RequestRecord.TokenCounts]
  }

  private let generator: any TextGenerator
  private let exchange: HTTPExchange
  private let choicesPerPrompt: Int
  private let guarded: Mutex<Guarded>

  private init(
    choiceCount: Int, choicesPerPrompt: Int, generator: any TextGenerator, exchange: HTTPExchange,
    reply: any Reply
  ) {
    self.choicesPerPrompt = choicesPerPrompt
    self.generator = generator
    self.exchange = exchange
    let counts = [RequestRecord.TokenCounts](repeating: .init(), count: choiceCount)
    self.guarded = Mutex(Guarded(reply: reply, unfinishedCount: choiceCount, counts: counts))
  }

  /// Submits all choices or none, then answers on the exchange as events arrive. Throws the error to answer with
  /// when they cannot be submitted.
  ///
  /// - Parameters:
  ///   - promptTokens: tokens of all prompts, each counted once.
  ///   - choicesPerPrompt: number of consecutive `choices` with the same prompt.
  static func start(
    _ choices: [GenerationRequest], promptTokens: Int, choicesPerPrompt: Int, generator: any TextGenerator,
    exchange: HTTPExchange, reply: any Reply
  ) throws(ServingError) {
    // Sent again, it would not fit either.
    guard choices.count <= generator.requestCountMaximum else {
      throw .rejected(
        Rejection(
          status: 400,
          message:
            "expected at most \(generator.requestCountMaximum) answers in a request, as many as this server's slots and "
            + "queue hold, found \(choices.count); ask for fewer, or start it with more --slots or a longer --queue",
          kind: "invalid_request_error", code: "too_many_answers"))
    }
    exchange.addTokens(prompt: promptTokens)
    let run = GenerationRun(
      choiceCount: choices.count, choicesPerPrompt: choicesPerPrompt, generator: generator,
      exchange: exchange, reply: reply)
    var ids: [RequestID] = []
    // One API call is one scheduling group, however many answers it asks for.
    let group = choices.count > 1 ? UInt64.random(in: .min ... .max) : nil
    do {
      for (index, choice) in choices.enumerated() {
        var choice = choice
        choice.group = group
        ids.append(try generator.submit(choice) { event in run.receive(event, choice: index) })
      }
    } catch {
      run.guarded.withLock { $0.stage = .over }
      for id in ids { generator.cancel(id) }
      throw .rejected(Rejection(error))
    }
    run.open(ids: ids)
  }

  private func open(ids: [RequestID]) {
    // The first events can be large, and the generator's thread needs the lock. Until the run has opened, nobody else uses
    // the reply.
    var reply = guarded.withLock { $0.reply }
    let events = reply.open()
    let first = reply.isStreamed ? events.map(\.bytes) : []
    let abandoned = guarded.withLock { [reply] state -> [RequestID] in
      state.ids = ids
      state.reply = reply
      guard case .opening(let early) = state.stage else { return [] }
      state.stage = .running
      if state.reply.isStreamed { exchange.beginStream(EventStream.head) }
      for bytes in first { exchange.write(bytes) }
      for (event, choice) in early { perform(event, choice: choice, on: &state) }
      return abandonedIDs(&state)
    }
    for id in abandoned { generator.cancel(id) }
    exchange.onClientGone { self.cancel() }
  }

  private func cancel() {
    let ids = guarded.withLock { state in
      state.stage = .over
      return state.ids
    }
    for id in ids { generator.cancel(id) }
  }

  // MARK: On the generator's thread

  private func receive(_ event: GenerationEvent, choice: Int) {
    let abandoned = guarded.withLock { state -> [RequestID] in
      count(event, choice: choice, in: &state)
      switch state.stage {
      case .opening(var early):
        early.append((event, choice))
        state.stage = .opening(early: early)
        return []
      case .running:
        perform(event, choice: choice, on: &state)
        return abandonedIDs(&state)
      case .over:
        return []
      }
    }
    for id in abandoned { generator.cancel(id) }
  }

  /// Notes tokens for the log as they come: of an answer that is cut off, the log line comes before its result.
  private func count(_ event: GenerationEvent, choice: Int, in state: inout Guarded) {
    let known = state.counts[choice]
    var counts = known
    switch event {
    case .progress(let progress): counts.cached = progress.cachedTokens
    case .prompt: return
    case .delta: counts.generated += 1
    case .finished(let result):
      counts.cached = result.cachedTokens
      counts.generated = result.completionTokens
    }
    // The cached tokens of a prompt are logged once, for its first choice, as in `usage`.
    if choice % choicesPerPrompt != 0 { counts.cached = 0 }
    state.counts[choice] = counts
    exchange.addTokens(
      cached: counts.cached - known.cached, generated: counts.generated - known.generated)
  }

  /// Choices that still run although the answer has ended, because another choice failed or the client is too far behind.
  private func abandonedIDs(_ state: inout Guarded) -> [RequestID] {
    if exchange.isClientGone { state.stage = .over }
    if case .over = state.stage, state.unfinishedCount > 0 { return state.ids }
    return []
  }

  private func perform(_ event: GenerationEvent, choice: Int, on state: inout Guarded) {
    guard case .running = state.stage else { return }
    if case .finished(let result) = event {
      state.unfinishedCount -= 1
      if let rejection = Rejection(result) { return fail(rejection, on: &state) }
    }
    send(state.reply.receive(event, choice: choice), of: state.reply)
    guard state.unfinishedCount == 0 else { return }
    state.stage = .over
    let last = state.reply.close()
    if state.reply.isStreamed {
      endStream(with: last, of: state.reply)
    } else if let answer = last.first {
      exchange.respond(.json(answer.value))
    }
  }

  private func fail(_ rejection: Rejection, on state: inout Guarded) {
    state.stage = .over
    if state.reply.isStreamed {
      let last = state.reply.fail(rejection, requestID: exchange.id)
      endStream(with: last, of: state.reply)
    } else {
      exchange.respond(state.reply.errorFormat.response(rejection, requestID: exchange.id))
    }
  }

  private func send(_ events: [ReplyEvent], of reply: any Reply) {
    guard reply.isStreamed else { return }
    for event in events { exchange.write(event.bytes) }
  }

  private func endStream(with last: [ReplyEvent], of reply: any Reply) {
    exchange.endStream(after: last.flatMap(\.bytes) + (reply.endsWithDone ? EventStream.done : []))
  }
}
