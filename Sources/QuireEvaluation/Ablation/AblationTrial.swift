import QuireGeneration
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

/// Runs all requests once with one setting.
struct AblationTrial {
  let requests: AblationRequests
  let tokenizer: Tokenizer
  let endOfSequenceIDs: Set<Int32>
  let slots: Int
  let instructionSet: InstructionSet

  /// Requests that run before the clock starts, so that pages are mapped and step times known; they leave nothing in the
  /// prefix cache.
  private static let warmUpCount = 2
  private static let warmUpTokens = 16

  /// The figures of one run.
  struct Sample: Sendable, Equatable {
    /// From the first submission to the last answer.
    let seconds: Double
    let tokenCount: Int
    /// Medians over the requests, in seconds: to the first token since the run began, and between tokens.
    let firstTokenSeconds: Double
    let tokenSeconds: Double

    var tokensPerSecond: Double { Double(tokenCount) / seconds }
  }

  /// An answer to the last bit.
  struct Answer: Sendable, Equatable {
    let tokens: [Int32]
    /// Bits of the log-probability of each token; empty unless asked for.
    let logprobs: [UInt32]
  }

  /// - Parameter wantsLogprobs: whether answers have log-probabilities, which take time
  func run(
    _ setting: AblationSetting, _ model: Model, wantsLogprobs: Bool
  ) throws(EvaluationError) -> (sample: Sample, answers: [Answer]) {
    let engine = try engine(setting, model)
    defer { engine.stop() }
    let runner = RequestRunner(engine: engine, outstandingMaximum: requests.items.count)
    let own = requests.items.map { prompt, maximumTokens in
      GenerationRequest(
        promptTokens: prompt, sampling: .greedy, maximumTokens: maximumTokens,
        chatFormat: tokenizer.chatFormat.format, logprobCount: wantsLogprobs ? 0 : nil)
    }
    if !wantsLogprobs { try warmUp(runner, own) }
    let groupSize = setting.batching == .groups ? slots : own.count
    let start = ContinuousClock.now
    var answers: [RequestRunner.Answer] = []
    var firstTokens: [Double] = []
    for first in stride(from: 0, to: own.count, by: groupSize) {
      let began = (ContinuousClock.now - start).seconds
      let group = try runner.run(Array(own[first..<min(first + groupSize, own.count)]))
      answers += group
      firstTokens += group.map {
        began + $0.result.timings.queueSeconds + $0.result.timings.prefillSeconds
      }
    }
    let seconds = (ContinuousClock.now - start).seconds
    let gaps = answers.map(\.result).filter { $0.completionTokens > 1 }
      .map { $0.timings.decodeSeconds / Double($0.completionTokens - 1) }
    return (
      Sample(
        seconds: seconds, tokenCount: answers.reduce(0) { $0 + $1.result.completionTokens },
        firstTokenSeconds: Moments.median(firstTokens), tokenSeconds: gaps.isEmpty ? 0 : Moments.median(gaps)),
      answers.map { Answer(tokens: $0.tokens, logprobs: $0.logprobs.map(\.bitPattern)) }
    )
  }

  private func warmUp(_ runner: RequestRunner, _ own: [GenerationRequest]) throws(EvaluationError) {
    let few = own.prefix(Self.warmUpCount).map { request in
      var request = request
      request.maximumTokens = min(request.maximumTokens, Self.warmUpTokens)
      request.usesPrefixCache = false
      return request
    }
    _ = try runner.run(Array(few))
  }

  private func engine(_ setting: AblationSetting, _ model: Model) throws(EvaluationError) -> Engine {
    var options = EngineOptions(
      threadCount: setting.threadCount, instructionSet: instructionSet,
      maximumSlots: setting.batching == .single ? 1 : slots, maximumWaiting: requests.items.count,
      contextLength: requests.longest, keyValueElement: setting.cacheType,
      endOfSequenceIDs: endOfSequenceIDs, lookup: setting.drafts ? .adaptive : .off,
      keepsPrefixes: setting.keepsPrefixes)
    options.cacheBytes = max(options.cacheBytes, Machine.availableBytes / 2)
    do throws(GenerationError) {
      return try Engine(model: model, tokenizer: tokenizer, options: options)
    } catch {
      throw .generation(error.description)
    }
  }

  /// Bytes of the weights, and of the keys and values of the longest requests that may run together.
  func memoryBytes(_ setting: AblationSetting, _ model: Model) -> Int {
    let lengths = requests.items.map { $0.prompt.count + $0.maximumTokens }.sorted(by: >)
    let blocks = lengths.prefix(setting.batching == .single ? 1 : slots)
      .reduce(0) { $0 + KeyValueCache.blockCount(positions: $1) }
    return model.weightBytes
      + blocks * KeyValueCache.blockBytes(model.configuration, element: setting.cacheType)
  }
}
