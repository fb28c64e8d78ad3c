import QuireGeneration
import QuireModel
import QuireModelFiles
import QuireTensors

/// The draft model or head of a benchmark: from disk, or with random weights.
enum BenchDraft {
  case opened(OpenedDraft)
  case shape(PublishedShape, RandomFormats)
  /// A head of the size that is published for the measured model.
  case randomHead

  /// How a shape's weights are stored.
  struct RandomFormats {
    let format: WeightFormat
    let headFormat: WeightFormat
  }

  private static let shapeOptions = ["--draft-scheme", "--draft-head-scheme"]
  /// The value of --draft-shape that means a head.
  private static let headName = "eagle3"

  /// nil when no draft is asked for.
  init?(_ arguments: Arguments) throws {
    let draft = try OpenedDraft(arguments)
    let formatOption = Self.shapeOptions.first(where: arguments.has)
    guard let name = arguments.string("--draft-shape") else {
      if let formatOption {
        throw UsageError(
          arguments.command, "\(formatOption) belongs to --draft-shape; leave it out, or give both")
      }
      guard let draft else { return nil }
      self = .opened(draft)
      return
    }
    guard draft == nil else {
      throw UsageError(
        arguments.command, "expected --draft or --draft-shape, found both; leave one of them out")
    }
    guard name != Self.headName else {
      if let formatOption {
        throw UsageError(
          arguments.command,
          "\(formatOption) belongs to a draft model; a head is int8, as from disk, so leave it out")
      }
      self = .randomHead
      return
    }
    let shape = try arguments.shape("--draft-shape", name, others: [Self.headName])
    let format = try arguments.format("--draft-scheme", group: nil) ?? .int4(group: 128)
    self = .shape(
      shape,
      RandomFormats(
        format: format,
        headFormat: try arguments.format("--draft-head-scheme", group: nil)
          ?? (format.scheme == .bf16 ? .bf16 : .int8())))
  }

  func sizes(for target: ModelConfiguration) -> DraftSizes {
    switch self {
    case .opened(let draft): draft.sizes
    case .shape(let shape, _): .model(shape.configuration)
    case .randomHead: .head(.published(for: target))
    }
  }

  /// Bytes of the weights to load or to make.
  func weightBytes(for target: ModelConfiguration) throws -> Int {
    switch self {
    case .opened(let draft): try draft.loadedBytes()
    case .shape(let shape, let formats):
      weights(formats, ThreadTeam(threadCount: 1)).byteCount(of: shape.configuration)
    case .randomHead: DraftHead.randomWeightBytes(.published(for: target))
    }
  }

  /// Refuses a draft model on disk whose tokens are not those of the measured model on disk.
  func check(_ target: ModelSource) throws {
    if case .opened(let draft) = self { try draft.check(target.tokenizer(), of: target) }
  }

  /// Refuses a head of another model.
  func check(_ target: ModelConfiguration) throws {
    if case .opened(let draft) = self { try draft.check(target) }
  }

  /// Loads or makes it.
  func load(for target: ModelConfiguration, _ compute: Compute) throws -> EngineDraft {
    switch self {
    case .opened(let draft):
      return try draft.load(for: target, threadCount: compute.team.threadCount, quiet: true)
    case .shape(let shape, let formats):
      return .model(try Model(configuration: shape.configuration, source: weights(formats, compute.team)))
    case .randomHead:
      return .head(
        try DraftHead.random(.published(for: target), target: target, seed: 3, team: compute.team))
    }
  }

  private func weights(_ formats: RandomFormats, _ team: ThreadTeam) -> RandomWeights {
    RandomWeights(format: formats.format, embeddingFormat: formats.headFormat, seed: 3, team: team)
  }
}
