import Foundation
import QuireGeneration
import QuireText

/// An engine for one conversation at a time: what `generate` and `chat` share.
struct Conversation {
  let opened: OpenedModel
  let engine: Engine
  let contextLength: Int
  private let maximumTokens: Int?
  private let sampling: SamplingArguments

  /// - Parameter needsChats: Whether a model whose chats cannot be rendered is refused.
  init(_ arguments: Arguments, needsChats: Bool) throws {
    sampling = try SamplingArguments(arguments)
    maximumTokens = try arguments.integer("--max-tokens", in: 1...Int(Int32.max))
    let engineArguments = try EngineArguments(arguments)
    opened = try OpenedModel(
      arguments.modelSource(), threadCount: engineArguments.threadCount,
      chatFormat: try arguments.chatFormat(), needsChats: needsChats)
    let options = try engineArguments.options(for: opened)
    engine = try Engine(model: opened.model, tokenizer: opened.tokenizer, options: options)
    contextLength = engine.limits.contextLength
  }

  /// The token ids of a chat prompt; text of the messages never becomes a control token.
  func tokens(_ messages: [ChatMessage], _ mode: ThinkingMode) throws -> [Int32] {
    try opened.tokenizer.chatFormat.required().render(messages: messages, mode: mode).tokens(opened.tokenizer)
  }

  /// Answers `tokens`, printing as it goes; returns the account. `onStart` gets the request, by which it can be
  /// cancelled; then what was generated so far is the answer.
  func answer(
    _ tokens: [Int32], _ mode: ThinkingMode, isRaw: Bool, printer: AnswerPrinter,
    onStart: (RequestID) -> Void = { _ in }
  ) throws -> GenerationResult {
    var request = GenerationRequest(
      promptTokens: tokens, sampling: sampling.applied(to: opened.samplingDefaults.parameters(mode)))
    if !isRaw { request.chatFormat = opened.tokenizer.chatFormat.format }
    request.maximumTokens = maximumTokens ?? max(1, contextLength - tokens.count)
    let outcome = Outcome()
    let id = try engine.submit(request) { event in
      switch event {
      case .prompt: break
      case .delta(let parts, _): printer.take(parts.reasoning, parts.content)
      case .finished(let result): outcome.finish(result)
      }
    }
    onStart(id)
    let result = outcome.wait()
    printer.close()
    if case .failed(let sentence) = result.reason { throw CommandError(sentence) }
    return result
  }
}

/// Hands the result from the engine's thread to the one that waits.
// Unchecked: the semaphore orders the write before the read.
private final class Outcome: @unchecked Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  private var result: GenerationResult?

  func finish(_ result: GenerationResult) {
    self.result = result
    semaphore.signal()
  }

  func wait() -> GenerationResult {
    semaphore.wait()
    guard let result else { preconditionFailure("signalled without a result") }
    return result
  }
}

extension GenerationResult {
  /// "[31 prompt tokens, 900.0 tokens/s; 12 new tokens, 250.0 tokens/s]", with "(960 kept)" after the prompt tokens when
  /// some of them were in the cache already.
  var account: String {
    let prefill = Double(promptTokens - cachedTokens) / max(1e-9, timings.prefillSeconds)
    // The first token comes out of the prompt's last step; the others are decoded one a step.
    let decode = Double(max(0, completionTokens - 1)) / max(1e-9, timings.decodeSeconds)
    let ending = reason == .length ? ", cut at the limit" : ""
    let kept = cachedTokens > 0 ? " (\(cachedTokens) kept)" : ""
    return String(
      format: "[%d prompt tokens%@, %.1f tokens/s; %d new tokens, %.1f tokens/s%@]", promptTokens,
      kept as NSString, prefill, completionTokens, decode, ending as NSString)
  }
}
