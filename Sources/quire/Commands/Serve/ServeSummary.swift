import QuireFiles
import QuireGeneration
import QuireModel
import QuireModelFiles
import QuireServing
import QuireTensors
import QuireText

/// What the server serves and where, printed once when it listens.
struct ServeSummary {
  let name: String
  let opened: OpenedModel
  let engine: EngineShape
  let options: EngineOptions
  let server: Server
  /// Seconds from the start of the command until the server listened.
  let seconds: Double
  let requiresKey: Bool
  let adapters: [MergedAdapter]
  /// Options from a file and from variables.
  let settings: [Setting]

  /// Which model is served at which address.
  var address: String { "serving \(name) at \(server.url)".visibleLine }

  /// Lines without control characters, each with a line feed.
  var text: String {
    let lines = [
      address, server.pageURL.map { "chat page at \($0)" } ?? "no chat page", "model: \(model)",
    ]
    let draft = opened.draft.map { [text($0.name, $0.loaded)] } ?? []
    let facts = [
      "chat format: \(opened.tokenizer.chatFormat.summary)", "context: \(context)", "KV cache: \(cache)",
      "compute: \(CountText.of(engine.threadCount, "thread")), \((options.instructionSet ?? .detected).rawValue)",
      "API key: \(requiresKey ? "required" : "not required")",
    ]
    let origins = settings.isEmpty ? [] : ["options: \(Setting.summary(settings))"]
    return (lines + draft + adapters.map(\.sentence) + facts + origins).map { $0.visibleLine + "\n" }.joined()
  }

  private var model: String {
    "\(Self.text(opened.name, opened.model)), loaded in \(Terminal.seconds(seconds))"
  }

  private static func text(_ name: String, _ model: Model) -> String {
    "\(name), \(formats(model)), \(ByteText.of(model.weightBytes)) of weights"
  }

  private func text(_ name: String, _ draft: EngineDraft) -> String {
    let buffers = "\(ByteText.of(memory(draft).bufferBytes)) of buffers"
    switch draft {
    case .model(let model): return "draft model: \(Self.text(name, model)), \(buffers)"
    case .head(let head):
      return "draft head: \(name), \(head.format), \(ByteText.of(head.weightBytes)) of weights, \(buffers)"
    }
  }

  private func memory(_ draft: EngineDraft) -> DraftMemory {
    DraftMemory(draft.sizes, options: options, blockCount: engine.blockCount)
  }

  private var context: String {
    let shape = engine
    return "\(shape.contextLength) tokens; \(shape.maximumSlots) slots, "
      + "\(shape.maximumRequests - shape.maximumSlots) more requests may wait"
  }

  private var cache: String {
    let own = engine.blockCount * options.blockBytes(opened.model.configuration, draft: nil)
    let drafts = opened.draft.map { memory($0.loaded).cacheBytes } ?? 0
    return "\(engine.blockCount * KeyValueCache.blockSize) tokens, up to "
      + "\(ByteText.of(own + drafts)) of \(options.keyValueElement.rawValue)"
      + (engine.keepsPrefixes ? "" : "; no prefix cache")
  }

  /// The formats of the matrices, the one with most bytes first: "int4 g128 and int8".
  private static func formats(_ model: Model) -> String {
    var bytes: [String: Int] = [:]
    for name in model.configuration.tensorNames where !name.isNorm {
      let matrix = model.matrix(name)
      bytes[matrix.storedName, default: 0] += matrix.byteCount
    }
    return bytes.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map(\.key).joined(separator: " and ")
  }

}
