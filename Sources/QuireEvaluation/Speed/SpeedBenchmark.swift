package import QuireGeneration
package import QuireModel
package import QuireTensors

/// Measures prompt and decode speed of a model, next to the limits of the machine.
///
///     let benchmark = try SpeedBenchmark(model: model, name: "qwen3-8b", plan: SpeedPlan(), compute: compute)
///     let report = benchmark.run(version: "1.0", processor: "…") { done, total, _ in print(done, total) }
///
/// A repetition is one whole prompt, or one decode step of all sequences: forward passes with the logits of the
/// last row of each sequence, as an engine runs them, without sampling and text. The cache contents before a row
/// begins are random. Rows with drafts are measured by `LookupBenchmark` and
/// `DraftBenchmark`.
///
/// On a shared machine other processes slow down both the work and the measured limits. So the limits are measured
/// between the repetitions, over the time of the row, and the median of the work is divided by the median of the
/// limits: a disturbance of both cancels out, and one of few samples does not move the medians. Dividing by the
/// largest limit of a run would make every row look slower than it is; a limit measured once could be off in either
/// direction.
package final class SpeedBenchmark {
  private let model: Model
  private let draft: EngineDraft?
  private let name: String
  private let plan: SpeedPlan
  private let compute: Compute
  private let cache: KeyValueCache
  private let pass: ForwardPass
  private let meter: LimitMeter
  private var samples: [MachineLimits] = []

  /// The limits are measured about so many times during a row of decode steps.
  private static let decodeIntervals = 8
  /// Measurements of the limits between two prompts, which take seconds each.
  private static let samplesBetweenPrompts = 3

  /// Plans all memory. Throws when the plan's sequences are longer than the model allows.
  /// - Parameter draft: needed if the plan measures a draft model or head
  package init(
    model: Model, draft: EngineDraft? = nil, name: String, plan: SpeedPlan, compute: Compute
  ) throws(SpeedError) {
    precondition(draft != nil || !plan.measuresDraftModel, "a draft model is measured but not given")
    try plan.check(model.configuration)
    self.draft = draft
    self.model = model
    self.name = name
    self.plan = plan
    self.compute = compute
    cache = KeyValueCache(
      model.configuration, blockCount: plan.cacheBlockCount, element: plan.keyValueElement)
    cache.fillRandomly(seed: 1, compute: compute)
    pass = ForwardPass(
      model: model, cache: cache, compute: compute, maximumRows: plan.maximumRows,
      maximumLogitRows: plan.maximumLogitRows)
    meter = LimitMeter(compute: compute)
  }

  /// Measures every row. `onProgress` receives the repetitions done, their total, and what is being measured.
  package func run(
    version: String, processor: String, onProgress: (_ done: Int, _ total: Int, _ now: SpeedPlan.Case) -> Void
  ) throws(GenerationError) -> SpeedReport {
    let cases = plan.cases
    let total = cases.reduce(0) { $0 + repetitionCount($1) }
    var done = 0
    samples = []
    var rows: [SpeedReport.Row] = []
    for measured in cases {
      rows += try self.rows(measured) {
        done += 1
        onProgress(done, total, measured)
      }
    }
    return SpeedReport(
      subject: .init(model, name: name), version: version, processor: processor,
      instructionSet: compute.kernels.instructionSet, threadCount: compute.team.threadCount,
      keyValueElement: plan.keyValueElement, limits: MachineLimits(medianOf: samples), rows: rows)
  }

  private func repetitionCount(_ measured: SpeedPlan.Case) -> Int {
    switch measured.phase {
    case .prompt: plan.promptRepeats
    case .decode: measured.tokens
    case .lookup: LookupBenchmark.turnCount(measured)
    case .draft: DraftBenchmark.turnCount(measured)
    }
  }

  private func rows(
    _ measured: SpeedPlan.Case, onRepetition: () -> Void
  ) throws(GenerationError) -> [SpeedReport.Row] {
    switch measured.phase {
    case .prompt, .decode: return [measure(measured, onRepetition: onRepetition)]
    case .lookup:
      return try LookupBenchmark(model: model, plan: plan, compute: compute)
        .run(measured, sample: newSample, onTurn: onRepetition)
    case .draft:
      guard let draft else { return [] }
      return try DraftBenchmark(model: model, draft: draft, plan: plan, compute: compute)
        .run(measured, sample: newSample, onTurn: onRepetition)
    }
  }

  private func newSample() -> MachineLimits {
    sample(1)
    return samples[samples.count - 1]
  }

  /// One row: repetitions with limits between them, before the first and after the last.
  private func measure(_ measured: SpeedPlan.Case, onRepetition: () -> Void) -> SpeedReport.Row {
    let count = repetitionCount(measured)
    let interval = measured.phase == .prompt ? 1 : max(1, count / Self.decodeIntervals)
    let sampleCount = measured.phase == .prompt ? Self.samplesBetweenPrompts : 1
    let firstSample = samples.count
    var seconds: [Double] = []
    var work = SpeedWork()
    warmUp(measured)
    for repetition in 0..<count {
      if repetition % interval == 0 { sample(sampleCount) }
      let batches = self.batches(measured, repetition: repetition)
      for batch in batches { work.add(batch, model: model, keyValueElement: cache.element) }
      seconds.append(time { for batch in batches { pass.run(batch) } })
      onRepetition()
    }
    sample(sampleCount)
    return SpeedReport.Row(
      plan: measured, seconds: seconds, limits: MachineLimits(medianOf: Array(samples[firstSample...])),
      work: work.divided(by: count), lookup: nil, draft: nil)
  }

  private func sample(_ count: Int) {
    for _ in 0..<count { samples.append(meter.measure()) }
  }

  /// Wakes the threads and touches the workspace with a minimal forward pass.
  private func warmUp(_ measured: SpeedPlan.Case) {
    if let first = batches(measured, repetition: 0).first {
      let rows = min(first.sequences[0].rowCount, 32)
      var slices = first.sequences
      slices[0].rowCount = rows
      let count = rows + slices.count - 1
      pass.run(
        ForwardBatch(tokens: Array(first.tokens.prefix(count)), sequences: slices, logitRows: [count - 1]))
    }
  }

  private func time(_ body: () -> Void) -> Double {
    let begin = ContinuousClock.now
    body()
    return (ContinuousClock.now - begin).seconds
  }
}

extension SpeedBenchmark {
  /// The forward passes of one repetition, prepared before the clock starts.
  private func batches(_ measured: SpeedPlan.Case, repetition: Int) -> [ForwardBatch] {
    switch measured.phase {
    case .prompt: promptBatches(measured)
    case .decode, .lookup, .draft: [decodeBatch(measured, step: repetition)]
    }
  }

  private func promptBatches(_ measured: SpeedPlan.Case) -> [ForwardBatch] {
    stride(from: 0, to: measured.tokens, by: plan.stepTokens).map { begin in
      let end = min(begin + plan.stepTokens, measured.tokens)
      let slice = ForwardBatch.Slice(
        rowCount: end - begin, firstPosition: measured.context + begin, blocks: blocks(of: 0, measured))
      // Only the prompt's last token needs logits.
      return ForwardBatch(
        tokens: tokens(end - begin, from: begin), sequences: [slice],
        logitRows: end == measured.tokens ? [end - begin - 1] : [])
    }
  }

  private func decodeBatch(_ measured: SpeedPlan.Case, step: Int) -> ForwardBatch {
    ForwardBatch(
      tokens: tokens(measured.batch, from: step),
      sequences: (0..<measured.batch).map { sequence in
        .init(rowCount: 1, firstPosition: measured.context + step, blocks: blocks(of: sequence, measured))
      },
      logitRows: Array(0..<measured.batch))
  }

  /// Sequences follow each other in the cache.
  private func blocks(of sequence: Int, _ measured: SpeedPlan.Case) -> [Int32] {
    let count = measured.blocksPerSequence
    return (sequence * count..<(sequence + 1) * count).map(Int32.init)
  }

  /// Token ids spread over the vocabulary.
  private func tokens(_ count: Int, from begin: Int) -> [Int32] {
    (begin..<begin + count).map { Int32(($0 * 7_919 + 13) % model.configuration.vocabularySize) }
  }
}

extension SpeedReport.Subject {
  init(_ model: Model, name: String) {
    let matrices =
      model.layers.flatMap { layer in LayerTensor.projections.map { layer[$0] } } + [
        model.head, model.embedding,
      ]
    var formats: [String] = []
    for format in matrices.map(\.storedName) where !formats.contains(format) {
      formats.append(format)
    }
    self.init(
      name: name, layerCount: model.configuration.layerCount,
      parameterCount: model.configuration.parameterCount,
      formats: formats, weightBytes: model.weightBytes)
  }
}
