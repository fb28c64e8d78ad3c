import QuireEvaluation
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

/// What the command line says about an engine. Read it before a model is opened: a slip must not cost a load.
struct EngineArguments {
  let threadCount: Int
  let instructionSet: InstructionSet
  let contextLength: Int?
  let keyValueElement: KeyValueElement?
  let lookup: LookupMode

  init(_ arguments: Arguments) throws {
    threadCount = try arguments.threadCount()
    contextLength = try arguments.integer("--context", in: 1...Int.max)
    keyValueElement = try arguments.keyValueElement()
    lookup = arguments.has("--no-lookup") ? .off : .adaptive
    instructionSet = try Environment.instructionSet()
  }

  /// The options of an engine for `opened`, with one slot; commands set the rest.
  func options(for opened: OpenedModel) throws -> EngineOptions {
    let most = opened.model.configuration.contextPositions
    if let contextLength, contextLength > most {
      throw CommandError(
        "--context: expected at most \(most) tokens, which is what the model was made for, found \(contextLength); choose fewer"
      )
    }
    // Without a word at most 8192, so that the cache of a large model fits an ordinary machine.
    var options = EngineOptions(
      threadCount: threadCount, instructionSet: instructionSet,
      contextLength: contextLength ?? min(most, 8192),
      keyValueElement: try keyValueElement?.checked(for: opened.model.configuration) ?? .float16,
      endOfSequenceIDs: opened.endOfSequenceIDs, lookup: lookup)
    options.maximumSlots = 1
    // Blocks that no sequence needs are not taken, and pages that nobody has written cost no memory.
    options.cacheBytes = max(options.cacheBytes, Machine.availableBytes / 2)
    return options
  }
}

extension KeyValueElement {
  /// Itself when it can keep this model's heads.
  func checked(for configuration: ModelConfiguration) throws -> KeyValueElement {
    guard holds(headSize: configuration.headSize) else {
      throw CommandError(
        "--kv-cache \(rawValue): expected heads of a multiple of 16, found \(configuration.headSize); choose float16"
      )
    }
    return self
  }
}

extension Arguments {
  /// How `--kv-cache` wants keys and values kept; nil when it is not given.
  func keyValueElement() throws -> KeyValueElement? {
    guard let name = string("--kv-cache") else { return nil }
    guard let element = KeyValueElement(rawValue: name) else {
      let known = KeyValueElement.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError(command, "--kv-cache: expected one of \(known), found '\(name)'")
    }
    return element
  }

  /// The mode that `--thinking` and `--no-thinking` ask for; thinking when neither does.
  func mode() throws -> ThinkingMode {
    if has("--thinking") && has("--no-thinking") {
      throw UsageError(command, "--thinking and --no-thinking exclude each other; give one of them")
    }
    return has("--no-thinking") ? .nonThinking : .thinking
  }

  /// Qwen3's recommended sampling for the mode, changed by what the command line says.
  func sampling(_ mode: ThinkingMode) throws -> SamplingParameters {
    var sampling = SamplingParameters.recommended(mode)
    if let value = try number("--temperature", in: 0...100) { sampling.temperature = value }
    if let value = try number("--top-p", in: 0...1) { sampling.topP = value }
    if let value = try integer("--top-k", in: 0...1_000_000) { sampling.topK = value }
    if let value = try number("--min-p", in: 0...1) { sampling.minP = value }
    if let text = string("--seed") {
      guard let seed = UInt64(text) else {
        throw UsageError(command, "--seed: expected a whole number from 0 to \(UInt64.max), found '\(text)'")
      }
      sampling.seed = seed
    }
    return sampling
  }
}
