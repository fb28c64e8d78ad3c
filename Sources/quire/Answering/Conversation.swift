import Foundation
import QuireGeneration
import QuireModelFiles
import QuireText

/// An engine for one conversation at a time, used by `generate` and `chat`.
struct Conversation {
  let opened: OpenedModel
  let engine: Engine
  let contextLength: Int
  private let maximumTokens: Int?
  private let sampling: SamplingArguments
  /// The most tokens of reasoning at the start of the conversation; nil for no limit.
  let thinkingBudget: Int?

  /// - Parameter needsChats: Whether a model whose chats cannot be rendered is refused.
  init(_ arguments: Arguments, needsChats: Bool) throws {
    sampling = try SamplingArguments(arguments)
    thinkingBudget = try arguments.thinkingBudget()
    maximumTokens = try arguments.integer("--max-tokens", in: 1...Int(Int32.max))
    let engineArguments = try EngineArguments(arguments)
    let source = try arguments.modelSource()
    let draft = try OpenedDraft(arguments)
    if let draft {
      try draft.checkMemory(
        with: source, engineArguments.options(for: source.configuration(), endOfSequenceIDs: []))
    }
    opened = try OpenedModel(
      source, threadCount: engineArguments.threadCount, chatFormat: try arguments.chatFormat(),
      needsChats: needsChats, draft: draft, quiet: arguments.has("--quiet"))
    let options = try engineArguments.options(for: opened)
    engine = try Engine(
      model: opened.model, tokenizer: opened.tokenizer, draft: opened.draft?.loaded, options: options)
    contextLength = engine.limits.contextLength
  }

  /// The token ids of a chat prompt; text of the messages never becomes a control token.
  func tokens(_ messages: [ChatMessage], _ mode: ThinkingMode) throws -> [Int32] {
    try opened.tokenizer.chatFormat.required().render(messages: messages, mode: mode).tokens(opened.tokenizer)
  }

  /// Notes a choice of thinking or non-thinking that the chat format does not have.
  func noteFixedMode(_ arguments: Arguments) {
    for option in ["--thinking", "--no-thinking"] where arguments.has(option) { noteFixedMode(option) }
  }

  /// Whether the chat format renders thinking and non-thinking prompts differently.
  var hasModes: Bool { opened.tokenizer.chatFormat.format?.rendersModesAlike != true }

  /// - Parameter choice: How the user chose: "/no_think".
  func noteFixedMode(_ choice: String) {
    guard !hasModes else { return }
    showNotices(["\(choice) has no effect: the model's chat template renders both modes alike"])
  }

  /// The sampling parameters of an answer.
  func sampling(_ messages: [ChatMessage], _ mode: ThinkingMode, budget: Int?) -> SamplingParameters {
    let format = opened.tokenizer.chatFormat.format
    let mode = format?.samplingMode(mode, budget: budget, messages: messages) ?? mode
    return sampling.applied(to: opened.samplingDefaults.parameters(mode))
  }

  /// Generates the answer to `tokens` and prints it meanwhile; returns the result. Its reasoning has at most `budget`
  /// tokens. `onStart` gets the request's id, by
  /// which it can be cancelled; the answer is then the text generated so far.
  func answer(
    _ tokens: [Int32], _ sampling: SamplingParameters, budget: Int?, isRaw: Bool, printer: AnswerPrinter,
    onStart: (RequestID) -> Void = { _ in }
  ) throws -> GenerationResult {
    var request = GenerationRequest(promptTokens: tokens, sampling: sampling)
    if !isRaw, let format = opened.tokenizer.chatFormat.format {
      request.chatFormat = format
      request.thinking = budget.map {
        ThinkingLimit(budget: $0, closing: ThoughtClosing(format, tokenizer: opened.tokenizer))
      }
    }
    request.maximumTokens = maximumTokens ?? max(1, contextLength - tokens.count)
    let outcome = Outcome()
    let id = try engine.submit(request) { event in
      switch event {
      case .progress, .prompt: break
      case .delta(let parts, _): printer.take(parts.reasoning, parts.content)
      case .finished(let result): outcome.finish(result)
      }
    }
    onStart(id)
    let result = outcome.wait()
    printer.close()
    switch result.reason {
    case .failed(let sentence), .contradicted(let sentence): throw CommandError(sentence)
    case .stop, .length, .timedOut, .cancelled: return result
    }
  }
}

/// Passes the result from the engine's thread to the waiting thread.
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
  /// "[31 prompt tokens, 900.0 tokens/s; 12 new tokens, 250.0 tokens/s]". After the prompt tokens,
  /// "(960 cached)" says how many of them were in the cache.
  var account: String {
    let prefill = Double(promptTokens - cachedTokens) / max(1e-9, timings.prefillSeconds)
    // The first token comes from the prompt's last step; the others are decoded one per step.
    let decode = Double(max(0, completionTokens - 1)) / max(1e-9, timings.decodeSeconds)
    let ending = reason == .length ? ", cut at the limit" : ""
    let cached = cachedTokens > 0 ? " (\(cachedTokens) cached)" : ""
    func speed(_ tokens: Double) -> String { String(format: ", %.1f tokens/s", tokens) }
    let prompt = "\(promptTokens) prompt token\(promptTokens == 1 ? "" : "s")\(cached)"
    let answer = "\(completionTokens) new token\(completionTokens == 1 ? "" : "s")"
    return "[\(prompt)\(speed(prefill)); \(answer)\(completionTokens > 1 ? speed(decode) : "")\(ending)]"
  }
}
