package import QuireModel
import QuireCheckpoints
import QuireFiles
import QuireOptimization
import QuireTensors

/// The tensors that take four bytes a value where no step rounds them: matrices that the checkpoint stores as float32, that
/// it holds quantized, or that an adapter is merged into, and norms with values that bf16 does not hold.
package struct Float32Tensors: Sendable, Equatable, CustomStringConvertible {
  /// At the present point of the recipe.
  private var names: Set<TensorName> = []
  /// Those that the checkpoint holds quantized: they take less in its own files.
  private var quantized: Set<TensorName> = []

  package init() {}

  /// Reads the norms that are not bf16 in the file.
  init(_ loader: LayerLoader, _ source: QuantizedSource?) throws(ConversionError) {
    let configuration = loader.configuration
    for name in configuration.tensorNames {
      if source?.contains(name) == true {
        quantized.insert(name)
        if source?.kept[name.string] == nil { names.insert(name) }
      } else if loader.checkpoint.record(name.string)?.element != .bfloat16 {
        if try isFloat32(name, loader) { names.insert(name) }
      }
    }
  }

  private func isFloat32(_ name: TensorName, _ loader: LayerLoader) throws(ConversionError) -> Bool {
    guard name.isNorm else { return loader.checkpoint.record(name.string)?.element == .float32 }
    let count = name.shape(in: loader.configuration)[0]
    let norm = try wrapping(ConversionError.model, try loader.norm(name, count: count))
    return !norm.buffer.allSatisfy { $0.roundedToBfloat16 == $0 }
  }

  /// The same in every process: it is part of what decides whether a run can resume (``ConversionKey``).
  package var description: String {
    [names, quantized].map { "\($0.map(\.string).sorted())" }.joined(separator: " ")
  }

  package func contains(_ name: TensorName) -> Bool { names.contains(name) }

  /// Whether a matrix is among them.
  var holdsMatrices: Bool { names.contains { !$0.isNorm } }

  /// The checkpoint itself, as far as its own files are concerned.
  ///
  /// - Parameter keepsGrids: whether the weights stay as they are, so that the files are those of the result
  func stored(keepsGrids: Bool) -> Float32Tensors {
    guard !keepsGrids else { return self }
    var result = self
    result.names.subtract(quantized)
    return result
  }

  /// The same after a step.
  ///
  /// - Parameter formats: of the step that rounds, which may still be to come; nil where none does
  func after(
    _ step: RecipeStep, _ before: ModelConfiguration, _ formats: TensorFormats?
  ) -> Float32Tensors {
    var result = self
    switch step {
    case .smooth:
      result.names = names.filter { !$0.isSmoothed(formats) }
    case .rotate(let settings) where settings.rotatesHiddenStates(of: before):
      result.names = names.filter { !$0.isLayerNorm && $0 != .finalNorm }
      if settings.configuration(after: before).tiesEmbeddings != before.tiesEmbeddings, contains(.embedding) {
        result.names.insert(.head)
      }
    default: break
    }
    return result
  }
}

extension TensorName {
  /// Whether it is one of the two norms before a layer's matrices, which scales are folded into.
  fileprivate var isLayerNorm: Bool { readers != nil }

  /// Whether smoothing folds scales into it: a matrix after it is rounded.
  fileprivate func isSmoothed(_ formats: TensorFormats?) -> Bool {
    readers?.contains { formats?.format(of: $0).scheme != .bf16 } ?? false
  }

  /// The matrices after a layer's norm; nil for other tensors.
  private var readers: [TensorName]? {
    switch self {
    case .layer(let index, .inputNorm): ActivationSite.attentionInput.readers.map { .layer(index, $0) }
    case .layer(let index, .postAttentionNorm): ActivationSite.mlpInput.readers.map { .layer(index, $0) }
    default: nil
    }
  }
}

extension Recipe {
  /// The recipe whose budgets count these tensors with four bytes a value.
  func counting(_ float32: Float32Tensors, _ source: ModelConfiguration) throws(ConversionError) -> Recipe {
    var (float32, configuration) = (float32, source)
    var all = steps + upcoming
    // Where a survey may leave all matrices after a norm as they are, the norm may stay float32.
    let formats = largestFormats(source)
    for index in all.indices {
      if case .budget(var settings) = all[index] {
        settings.float32 = float32
        all[index] = .budget(settings)
      }
      float32 = float32.after(all[index], configuration, formats)
      configuration = try all[index].settings.configuration(after: configuration)
    }
    return replacingSteps(all)
  }
}
