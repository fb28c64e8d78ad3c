import QuireCalibration
import QuireConversion
import QuireFiles
import QuireModel
import QuireModelFiles
import QuireOptimization
import QuireTensors
import QuireText

/// The variants of a model, made when they are needed and kept while memory suffices.
final class AblationModels {
  private let subject: AblationSubject
  private let source: ModelSource
  /// The checkpoint without one KV group in each layer; nil when no technique removes one.
  private let pruned: ModelSource?
  private let compute: Compute
  /// Those in memory; without `keepsModels` only the last.
  private var models: [AblationModel: Model] = [:]
  private var stored: [Bool: Model] = [:]

  init(_ subject: AblationSubject, source: ModelSource, pruned: ModelSource?, compute: Compute) {
    self.subject = subject
    self.source = source
    self.pruned = pruned
    self.compute = compute
  }

  func model(_ key: AblationModel) throws(EvaluationError) -> Model {
    if let model = models[key] { return model }
    if !subject.keepsModels { models = [:] }
    let plain = try storedModel(isPruned: key.isPruned)
    let made = try recast(plain, key.weights)
    models[key] = made
    if !subject.keepsModels { stored = [:] }
    return made
  }

  private func storedModel(isPruned: Bool) throws(EvaluationError) -> Model {
    if let model = stored[isPruned] { return model }
    guard let source = isPruned ? pruned : source else { preconditionFailure("no head was removed") }
    let model = try opening { () throws(ModelFileError) in try source.load(team: compute.team) }
    stored[isPruned] = model
    return model
  }

  /// The same weights in another format.
  private func recast(_ model: Model, _ weights: AblationWeights) throws(EvaluationError) -> Model {
    guard weights != .stored else { return model }
    let configuration = model.configuration
    let formats = try subject.quantization(weights).map { settings throws(EvaluationError) in
      try wrapping(Self.rounding, try TensorFormats(settings, configuration))
    }
    func matrix(_ name: TensorName) throws(EvaluationError) -> WeightMatrix {
      try recast(model.matrix(name), name, weights, formats?.format(of: name))
    }
    var layers = model.layers
    for index in layers.indices {
      for tensor in LayerTensor.projections { layers[index][tensor] = try matrix(.layer(index, tensor)) }
    }
    return Model(
      configuration: configuration, embedding: try matrix(.embedding), layers: layers,
      finalNorm: model.finalNorm, head: configuration.tiesEmbeddings ? nil : try matrix(.head))
  }

  private func recast(
    _ matrix: WeightMatrix, _ name: TensorName, _ weights: AblationWeights, _ format: WeightFormat?
  ) throws(EvaluationError) -> WeightMatrix {
    if let format {
      return .quantized(
        try wrapping(
          Self.rounding, try NearestQuantizer(format).quantize(matrix, named: name.string, compute)
        ).matrix)
    }
    let element: ElementType = weights == .float32 ? .float32 : .bfloat16
    if case .dense(let dense) = matrix, dense.element == element { return matrix }
    let values = matrix.dequantized(kernels: compute.kernels)
    let (rows, columns) = (matrix.rows, matrix.columns)
    return .dense(
      weights == .float32
        ? DenseMatrix(rows: rows, columns: columns, values: values)
        : DenseMatrix(rows: rows, columns: columns, roundingToBfloat16: values.pointer))
  }

  private static func rounding(_ error: OptimizationError) -> EvaluationError {
    .conversion(error.description)
  }
}

/// Makes the checkpoint without one KV group in each layer, as `prune-heads` does.
struct AblationPruning {
  static let recipe = Recipe(
    name: "ablation",
    steps: [.pruneHeads(HeadPruningSettings(unit: .keyValueGroup, removal: .uniform(1)))],
    calibration: CalibrationSettings(windowCount: 16, windowTokens: 256))

  let compute: Compute
  let chatFormat: ChatFormatOverride?
  let folder: WorkFolder

  /// - Parameter onProgress: the share that is done
  func run(
    _ source: ModelSource, onProgress: (Double) -> Void
  ) throws(EvaluationError) -> ModelSource {
    let path = folder.path + "/pruned.quire"
    let checkpoint = try source.asCheckpoint()
    let (compute, chatFormat) = (compute, chatFormat)
    // The converter takes an escaping closure; this one does not escape, so it is lent.
    let outcome: Result<ConversionReport, ConversionError>
    outcome = withoutActuallyEscaping(onProgress) { onProgress in
      do throws(ConversionError) {
        let converter = try Converter(
          checkpoint, recipe: Self.recipe, compute: compute, toolVersion: "ablation",
          chatFormat: chatFormat)
        return .success(
          try converter.run(output: path, resumes: false) { onProgress($0.fractionDone) })
      } catch {
        return .failure(error)
      }
    }
    do throws(ConversionError) { _ = try outcome.get() } catch { throw folder.failure(error) }
    return try opening { () throws(ModelFileError) in try ModelSource(path: path) }
  }
}
