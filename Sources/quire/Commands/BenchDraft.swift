import QuireModel
import QuireModelFiles
import QuireTensors

/// The draft model of a benchmark: from disk, or a shape with random weights.
enum BenchDraft {
  case model(OpenedDraft, ModelSource)
  case shape(PublishedShape, RandomFormats)

  /// How a shape's weights are stored.
  struct RandomFormats {
    let format: WeightFormat
    let headFormat: WeightFormat
  }

  private static let shapeOptions = ["--draft-scheme", "--draft-head-scheme"]

  /// nil when no draft model is asked for.
  init?(_ arguments: Arguments) throws {
    let draft = try OpenedDraft(arguments)
    guard let name = arguments.string("--draft-shape") else {
      if let option = Self.shapeOptions.first(where: arguments.has) {
        throw UsageError(arguments.command, "\(option) belongs to --draft-shape; leave it out, or give both")
      }
      guard let draft else { return nil }
      guard case .model(let source, _) = draft.kind else {
        throw CommandError(
          "\(arguments.spelling("--draft")): expected a model, found the draft head \(draft.name), whose speed depends on its "
            + "target's hidden states; measure it with generate or serve")
      }
      self = .model(draft, source)
      return
    }
    guard draft == nil else {
      throw UsageError(
        arguments.command, "expected --draft or --draft-shape, found both; leave one of them out")
    }
    let shape = try arguments.shape("--draft-shape", name)
    let format = try arguments.format("--draft-scheme", group: nil) ?? .int4(group: 128)
    self = .shape(
      shape,
      RandomFormats(
        format: format,
        headFormat: try arguments.format("--draft-head-scheme", group: nil)
          ?? (format.scheme == .bf16 ? .bf16 : .int8())))
  }

  var configuration: ModelConfiguration {
    switch self {
    case .model(let draft, _): draft.configuration
    case .shape(let shape, _): shape.configuration
    }
  }

  /// Bytes of the weights to load or to make.
  func weightBytes() throws -> Int {
    switch self {
    case .model(let draft, _): try draft.loadedBytes()
    case .shape(let shape, let formats):
      weights(formats, ThreadTeam(threadCount: 1)).byteCount(of: shape.configuration)
    }
  }

  /// Refuses a model on disk whose tokens are not those of the target.
  func check(_ target: ModelSource) throws {
    guard case .model(let draft, _) = self else { return }
    try draft.check(target.tokenizer(), of: target)
  }

  /// Loads or makes the model.
  func model(_ compute: Compute) throws -> Model {
    switch self {
    case .model(_, let source): try source.model(compute.team)
    case .shape(let shape, let formats):
      try Model(configuration: shape.configuration, source: weights(formats, compute.team))
    }
  }

  private func weights(_ formats: RandomFormats, _ team: ThreadTeam) -> RandomWeights {
    RandomWeights(format: formats.format, embeddingFormat: formats.headFormat, seed: 3, team: team)
  }
}
