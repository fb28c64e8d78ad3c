import QuireEvaluation
import QuireGeneration
import QuireModel
import QuireTensors
import QuireText

/// The command line's options of an engine. Read before a model is loaded, so that a mistake is reported at once.
struct EngineArguments {
  private let command: String
  /// `--context` as the user wrote it.
  private let contextSpelling: String
  let threadCount: Int
  let instructionSet: InstructionSet
  let contextLength: Int?
  let keyValueElement: KeyValueElement?
  let lookup: LookupMode
  let keepsPrefixes: Bool

  init(_ arguments: Arguments) throws {
    command = arguments.command
    contextSpelling = arguments.spelling("--context")
    threadCount = try arguments.threadCount()
    // A prompt has at least one token, and so has its answer.
    contextLength = try arguments.integer("--context", in: 2...Int.max)
    keyValueElement = try arguments.keyValueElement()
    lookup = arguments.has("--no-lookup") ? .off : .adaptive
    keepsPrefixes = !arguments.has("--no-prefix-cache")
    instructionSet = try Environment.instructionSet()
  }

  /// Engine options for `opened` with one slot; commands set the others.
  func options(for opened: OpenedModel) throws -> EngineOptions {
    try options(for: opened.model.configuration, endOfSequenceIDs: opened.endOfSequenceIDs)
  }

  /// The same before weights are read.
  func options(for configuration: ModelConfiguration, endOfSequenceIDs: Set<Int32>) throws -> EngineOptions {
    let most = configuration.contextPositions
    if let contextLength, contextLength > most {
      throw UsageError(
        command,
        "\(contextSpelling): expected at most \(most) tokens, which is what the model was made for, found \(contextLength); choose fewer"
      )
    }
    // By default at most 8192, so that the cache of a large model fits an ordinary machine.
    var options = EngineOptions(
      threadCount: threadCount, instructionSet: instructionSet,
      contextLength: contextLength ?? min(most, 8192),
      keyValueElement: try keyValueElement?.checked(for: configuration) ?? .float16,
      endOfSequenceIDs: endOfSequenceIDs, lookup: lookup, keepsPrefixes: keepsPrefixes)
    options.maximumSlots = 1
    // Unneeded blocks are not allocated, and memory pages that were never written take no memory.
    options.cacheBytes = max(options.cacheBytes, Machine.availableBytes / 2)
    return options
  }
}

extension KeyValueElement {
  /// Returns itself if it supports this model's head size.
  func checked(for configuration: ModelConfiguration) throws -> KeyValueElement {
    guard holds(headSize: configuration.headSize) else {
      throw UsageError(
        nil,
        "--kv-cache \(rawValue): expected heads of a multiple of 16, found \(configuration.headSize); choose float16"
      )
    }
    return self
  }
}

extension Arguments {
  /// The storage type of keys and values from `--kv-cache`; nil when it is not given.
  func keyValueElement() throws -> KeyValueElement? {
    guard let name = string("--kv-cache") else { return nil }
    guard let element = KeyValueElement(rawValue: name) else {
      let known = KeyValueElement.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError(command, "\(spelling("--kv-cache")): expected one of \(known), found '\(name)'")
    }
    return element
  }

  /// What `--chat-format`, `--reasoning-tags` and `--tool-format` say; nil when none is given.
  func chatFormat() throws -> ChatFormatOverride? {
    var format = ChatFormatOverride()
    format.name = try word("--chat-format", of: ChatFormat.names)
    format.tools = try word("--tool-format", of: ToolCallForm.allCases.map(\.name))
      .flatMap(ToolCallForm.init(rawValue:))
    if let text = string("--reasoning-tags") {
      guard let reasoning = ChatFormatOverride.Reasoning(text) else {
        throw UsageError(
          command,
          "\(spelling("--reasoning-tags")): expected two different tags with a space between them, as in '<think> </think>', "
            + "or none, found '\(text)'")
      }
      format.reasoning = reasoning
    }
    return format == ChatFormatOverride() ? nil : format
  }

  /// The value of an option that must be one of these words; nil when it is not given.
  private func word(_ option: String, of known: [String]) throws -> String? {
    guard let word = string(option) else { return nil }
    guard known.contains(word) else {
      throw UsageError(
        command, "\(spelling(option)): expected one of \(known.joined(separator: ", ")), found '\(word)'")
    }
    return word
  }

  /// The mode that `--thinking` and `--no-thinking` ask for; thinking when neither does.
  func mode() throws -> ThinkingMode {
    if has("--thinking") && has("--no-thinking") {
      throw UsageError(command, "--thinking and --no-thinking exclude each other; give one of them")
    }
    return has("--no-thinking") ? .nonThinking : .thinking
  }
}

/// The command line's sampling options; the model's defaults apply to the others. Read before a model is loaded, like
/// `EngineArguments`.
struct SamplingArguments {
  private let temperature: Float?
  private let topP: Float?
  private let topK: Int?
  private let minP: Float?
  private let seed: UInt64?

  init(_ arguments: Arguments) throws {
    temperature = try arguments.number("--temperature", in: 0...100)
    topP = try arguments.number("--top-p", in: 0...1)
    topK = try arguments.integer("--top-k", in: 0...1_000_000)
    minP = try arguments.number("--min-p", in: 0...1)
    seed = try arguments.string("--seed").map { text throws in
      guard let seed = UInt64(text) else {
        throw UsageError(
          arguments.command, "--seed: expected a whole number from 0 to \(UInt64.max), found '\(text)'")
      }
      return seed
    }
  }

  func applied(to defaults: SamplingParameters) -> SamplingParameters {
    var sampling = defaults
    sampling.temperature = temperature ?? sampling.temperature
    sampling.topP = topP ?? sampling.topP
    sampling.topK = topK ?? sampling.topK
    sampling.minP = minP ?? sampling.minP
    sampling.seed = seed
    return sampling
  }
}
