import QuireFiles
import QuireEvaluation
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors

extension Command {
  static let bench = Command(
    name: "bench",
    summary: """
      Measures tokens/s of prompts and of decoding, also as shares of this machine's limits.
      Give a MODEL, or a --shape: its weights are random and made in memory, so that nothing needs to be downloaded.

      The limits are measured in the same run, between the repetitions of every row: multiply-adds of bytes in registers, \
      and memory bandwidth. Each row has its own limits; "roofline" is the shortest time that both limits allow. \
      The figures exclude sampling and text, except with --lookup or drafts of a model or head.

      With --lookup the engine of generate and serve runs with prescribed answers, because random weights do not repeat a \
      text: the logit of the wanted token is raised after the forward pass. One answer quotes its prompt, one changes every \
      sixteenth token of it, one is new. An engine with drafts and one without alternate every few tokens.

      With a draft model or head (--draft or --draft-shape) the same happens for the sequences of each --batch, and its \
      acceptance rate is fixed at 0, 0.4 or 0.7: the probability that a draft is right. Prompts are not \
      computed, but for a short one at the start, from which the engine learns how long a row takes.
      """,
    positionals: ["[MODEL]"],
    options: [
      Option("--shape", "NAME", PublishedShape.all.map(\.name).joined(separator: ", ")),
      Option(
        "--scheme", "TYPE",
        "how a shape's matrices are stored: int4 (default), int8, bf16, nl4 or nl3, whose codes are indices of 16 or 8 levels; int4-asymmetric and int8-asymmetric have zero points, and int4, int8 and nl4 may end in -float16, the type of their scales"
      ),
      Option(
        "--group", "N",
        "inputs that share a scale: 32, 64 or 128 (default: 128 for int4 and nl4, 64 for nl3; int8: one per channel)"
      ),
      Option(
        "--head-scheme", "TYPE",
        "the same for embedding and lm_head (default: int8, or bf16 with --scheme bf16)"
      ),
      Option("--layers", "N", "only the first N layers of a shape, for a quick look"),
      Option("--prompt-tokens", "N,…", "prompt lengths; 0 measures no prompts (default: 512)"),
      Option("--generate-tokens", "N", "decode steps a row; 0 measures no decoding (default: 64)"),
      Option("--batch", "N,…", "sequences that decode together (default: 1,4,16)"),
      Option(
        "--context", "N,…", "tokens before a row begins (default: 0 for prompts, the prompt for decoding)"),
      Option("--repeat", "N", "times that a prompt is computed; the median counts (default: 3)"),
      Option(
        "--lookup", nil,
        "measure drafts from the text itself as well: one sequence, --generate-tokens of them"),
      Option(
        "--draft", "MODEL", "measure decoding with this draft model or EAGLE-3 head as well, for each --batch"
      ),
      Option(
        "--draft-shape", "NAME",
        "the same with random weights: a model, such as qwen3-0.6b, or eagle3, a head of the size published for the measured model"
      ),
      Option("--draft-scheme", "TYPE", "how a draft model's matrices are stored (default: int4)"),
      Option("--draft-head-scheme", "TYPE", "the same for its embedding and lm_head (default: int8)"),
      .cacheType, .adapter, .parent, .threads, .json,
      Option("--quiet", nil, "no progress and no sizes in memory on stderr"),
    ],
    example: "quire bench --shape qwen3-8b --scheme int4 --batch 1,8 --json",
    run: runBench)
}

private func runBench(_ arguments: Arguments) throws {
  var plan = try arguments.speedPlan()
  let subject = try BenchSubject(arguments)
  let element = try arguments.keyValueElement()
  let compute = try arguments.compute()
  let isQuiet = arguments.has("--quiet")
  let source = try subject.source()
  let draftSubject = try BenchDraft(arguments)
  if let source { try draftSubject?.check(source) }
  let (name, model) = try subject.model(source, compute) { name, configuration, weightBytes in
    plan.keyValueElement = try element?.checked(for: configuration) ?? .float16
    try plan.check(configuration)
    try draftSubject?.check(configuration)
    let draftBytes = try draftSubject?.weightBytes(for: configuration) ?? 0
    let memory = SpeedMemory(
      plan, configuration: configuration, draft: draftSubject?.sizes(for: configuration),
      weightBytes: weightBytes + draftBytes)
    if !isQuiet { Terminal.errorLine("\(name): \(account(of: memory))") }
    try memory.check(available: Machine.availableBytes)
  }
  let draft = try draftSubject?.load(for: model.configuration, compute)
  let benchmark = try SpeedBenchmark(model: model, draft: draft, name: name, plan: plan, compute: compute)
  let progress = Progress("measuring", unit: .items("repetitions"), quiet: isQuiet)
  let report = try benchmark.run(version: Program.version, processor: Machine.processor) { done, total, now in
    progress.update(done, of: total, note: "\(now.phase.rawValue) ×\(now.batch) at \(now.context)")
  }
  if arguments.has("--json") {
    Terminal.outputLine(report.json.serialized())
  } else {
    Terminal.report(report.table(width: Terminal.outputScreen.width))
  }
}

/// The memory that the run needs, as text.
private func account(of memory: SpeedMemory) -> String {
  "\(ByteText.of(memory.totalBytes)) of memory, \(ByteText.of(memory.weightBytes)) of it weights, "
    + "\(ByteText.of(memory.cacheBytes)) keys and values"
}

extension Arguments {
  /// The measurements that the command line asks for.
  fileprivate func speedPlan() throws -> SpeedPlan {
    let prompts = try integers("--prompt-tokens", in: 0...1_000_000) ?? [512]
    guard prompts == [0] || !prompts.contains(0) else {
      throw UsageError(
        command, "--prompt-tokens: 0 measures no prompts and stands alone, found it among others")
    }
    let plan = SpeedPlan(
      promptTokens: prompts == [0] ? [] : prompts,
      generateTokens: try integer("--generate-tokens", in: 0...100_000) ?? 64,
      batches: try integers("--batch", in: 1...1024) ?? [1, 4, 16],
      contexts: try integers("--context", in: 0...1_000_000) ?? [],
      promptRepeats: try integer("--repeat", in: 1...1000) ?? 3, measuresLookup: has("--lookup"),
      measuresDraftModel: has("--draft") || has("--draft-shape"))
    for option in ["--lookup", "--draft", "--draft-shape"] where has(option) && plan.generateTokens == 0 {
      throw UsageError(
        command, "\(option) decodes, but --generate-tokens is 0; leave one of them out")
    }
    guard !plan.cases.isEmpty else {
      throw UsageError(
        command, "--prompt-tokens 0 and --generate-tokens 0 leave nothing to measure; leave one of them out")
    }
    return plan
  }
}

/// The measured model: from disk, or a shape with random weights.
private enum BenchSubject {
  case model(path: String, adapters: [String])
  case shape(PublishedShape, layerCount: Int?, format: WeightFormat, headFormat: WeightFormat)

  private static let shapeOptions = ["--scheme", "--group", "--head-scheme", "--layers"]

  init(_ arguments: Arguments) throws {
    let command = arguments.command
    guard let name = arguments.string("--shape") else {
      guard let path = arguments.positionals.first else {
        throw UsageError(command, "expected a MODEL or --shape NAME, found neither; see quire bench --help")
      }
      if let option = Self.shapeOptions.first(where: arguments.has) {
        throw UsageError(
          command, "\(option) belongs to --shape; a model from disk has its own, so leave it out")
      }
      self = .model(path: path, adapters: arguments.all("--adapter"))
      return
    }
    guard !arguments.has("--adapter") else {
      throw UsageError(command, "--adapter belongs to a MODEL; a shape has random weights, so leave it out")
    }
    guard arguments.positionals.isEmpty else {
      throw UsageError(command, "expected a MODEL or --shape, found both; leave one of them out")
    }
    let shape = try arguments.shape("--shape", name)
    let group = try arguments.integer("--group", in: 32...128)
    let format =
      try arguments.format("--scheme", group: group) ?? .int4(group: group ?? 128)
    let headFormat =
      try arguments.format("--head-scheme", group: nil, neededGroup: group)
      ?? (format.scheme == .bf16 ? .bf16 : .int8())
    self = .shape(
      shape, layerCount: try arguments.integer("--layers", in: 1...shape.configuration.layerCount),
      format: format, headFormat: headFormat)
    let matrices = shape.configuration.tensorNames.filter { !$0.isNorm }
    for width in Set(matrices.map { $0.shape(in: shape.configuration)[1] }) {
      do { try format.validate(columns: width, name: "--group") } catch {
        throw UsageError(command, "\(error)")
      }
    }
  }

  /// The model on disk; nil for a shape.
  func source() throws -> ModelSource? {
    guard case .model(let path, let adapters) = self else { return nil }
    return try ModelSource(path: path, adapters: adapters)
  }

  /// Loads the opened model or makes one. `check` gets its name, its configuration and the bytes of its weights, and throws
  /// when they do not fit.
  func model(
    _ source: ModelSource?, _ compute: Compute,
    check: (_ name: String, ModelConfiguration, _ weightBytes: Int) throws -> Void
  ) throws -> (name: String, model: Model) {
    switch self {
    case .model:
      guard let source else { preconditionFailure("a model on disk was not opened") }
      try check(source.name, source.configuration(), source.loadedBytes())
      return (source.name, try source.model(compute.team))
    case .shape(let shape, let layerCount, let format, let headFormat):
      let all = shape.configuration
      let configuration = layerCount.map { all.replacingLayers(Array(all.layers.prefix($0))) } ?? all
      let weights = RandomWeights(format: format, embeddingFormat: headFormat, seed: 1, team: compute.team)
      try check(shape.name, configuration, weights.byteCount(of: configuration))
      return (shape.name, try Model(configuration: configuration, source: weights))
    }
  }
}

extension Arguments {
  /// The published shape with this name, the value of `option`.
  /// - Parameter others: further values of the option
  func shape(_ option: String, _ name: String, others: [String] = []) throws -> PublishedShape {
    guard let shape = PublishedShape(named: name) else {
      let known = (PublishedShape.all.map(\.name) + others).joined(separator: ", ")
      throw UsageError(command, "\(option): expected one of \(known), found '\(name)'")
    }
    return shape
  }

  /// A format by its name, with `group`; nil when the option is absent.
  /// - Parameter neededGroup: for a scheme that needs a group, where `group` is nil; otherwise the usual one.
  func format(_ option: String, group: Int?, neededGroup: Int? = nil) throws -> WeightFormat? {
    guard let name = string(option) else { return nil }
    guard let format = WeightFormat(name: name, group: group) else {
      let known = WeightFormat.Scheme.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError(
        command,
        "\(option): expected one of \(known), int8 or int4 with -asymmetric, -float16 or both, or nl4-float16, found '\(name)'"
      )
    }
    guard format.scheme.needsGroup, group == nil else { return format }
    return format.grouped(by: neededGroup ?? (format.scheme == .nl3 ? 64 : 128))
  }
}
