import QuireCheckpoints
package import QuireModel
package import QuireModelFiles
package import QuireTensors

/// What an export will write: the encoding of every tensor, its size, and what is not exact. Only headers and scales
/// are read to make it.
///
///     let plan = try ExportPlan(source, options: ExportOptions(format: .gguf), compute: compute)
///     print(plan.text)
package struct ExportPlan {
  package let options: ExportOptions
  /// The model as it is exported.
  package let configuration: ModelConfiguration
  /// In the order of a forward pass.
  package let tensors: [ExportedTensor]
  /// The adapters that are merged into the checkpoint first.
  package let adapters: [MergedAdapter]
  /// Settings of the model that the format has no place for, a sentence each.
  package let losses: [String]
  let source: ExportSource
  let model: ModelSource

  /// Throws when the format cannot hold the model.
  package init(_ model: ModelSource, options: ExportOptions, compute: Compute) throws(ExportError) {
    self.model = model
    self.options = options
    adapters = try reading { () throws(ModelFileError) in try model.mergedAdapters() }
    source = try ExportSource(model, fillsPruned: options.fillsPruned, compute: compute)
    configuration = source.configuration
    var tensors: [ExportedTensor] = []
    for name in configuration.tensorNames {
      let format = try source.format(of: name)
      let shape = name.shape(in: configuration)
      let encoding = try Self.encoding(
        of: name, format: format, columns: shape[shape.count - 1], options, source)
      tensors.append(
        ExportedTensor(
          name, shape: shape, format: format, encoding: encoding,
          outputName: options.format == .gguf ? name.gguf : name.string))
    }
    self.tensors = tensors
    losses = options.format == .gguf ? try Self.generation(model, configuration).losses : []
    try checkFormat()
  }

  /// How the model generates, for a GGUF file.
  func generation() throws(ExportError) -> GGUFGeneration { try Self.generation(model, configuration) }

  private static func generation(
    _ model: ModelSource, _ configuration: ModelConfiguration
  ) throws(ExportError) -> GGUFGeneration {
    try reading { () throws(ModelFileError) in try GGUFGeneration(model, configuration) }
  }

  /// Whether the export has float16 scales, which only a program that computes in float16 keeps.
  var hasHalfScales: Bool {
    tensors.contains { tensor in
      if case .packed(let format) = tensor.encoding { format.scaleType == .float16 } else { false }
    }
  }

  /// Bytes of all tensors.
  package var tensorBytes: Int { tensors.reduce(0) { $0 + $1.byteCount } }

  private static func encoding(
    of name: TensorName, format: StoredFormat, columns: Int, _ options: ExportOptions, _ source: ExportSource
  ) throws(ExportError) -> TensorEncoding {
    let element = options.element ?? .bfloat16
    switch options.format {
    case .safetensors: return .floats(element)
    case .compressedTensors:
      guard case .integers(let integers) = format, isQuantizable(name, options) else {
        return .floats(element)
      }
      return integers == .int8() ? .int8Channels : .packed(integers)
    case .gguf:
      if name.isNorm { return .floats(.float32) }
      switch format {
      case .floats(let stored): return .floats(options.element ?? stored)
      case .integers(let integers):
        guard columns % TensorContent.blockWeights == 0, try source.scales(of: name).areHalf else {
          return .floats(options.element ?? .float32)
        }
        switch (integers.scheme, integers.isSymmetric) {
        case (.int4, true): return .q4Blocks
        case (.nl4, _): return .iq4Blocks
        // A code minus its zero point is in -15...15, or in -255...255, which a byte does not hold.
        case (.int8, true), (.int4, false): return .q8Blocks
        default: return .floats(options.element ?? .float32)
        }
      }
    }
  }

  /// Embeddings are read as plain weights by most programs, and so are lm_heads by older ones.
  private static func isQuantizable(_ name: TensorName, _ options: ExportOptions) -> Bool {
    switch name {
    case .embedding, .finalNorm: false
    case .head: options.keepsHead
    case .layer(_, let tensor): !tensor.isNorm
    }
  }

  /// Whether the model is a checkpoint with integers.
  private var storesCodes: Bool {
    guard !model.isPack, let checkpoint = try? model.checkpoint(for: "export").checkpoint else {
      return false
    }
    return checkpoint.quantizedNames.contains { checkpoint.storedFormat($0)?.isInteger ?? false }
  }

  private func checkFormat() throws(ExportError) {
    switch options.format {
    case .safetensors: return
    case .compressedTensors:
      if let tensor = tensors.first(where: {
        if case .packed(let format) = $0.encoding { format.scheme.isNonlinear } else { false }
      }),
        case .packed(let format) = tensor.encoding
      {
        throw .levels(
          format: format.description, tensor: tensor.name.string, hasBlocks: format.scheme == .nl4)
      }
      let isQuantized = tensors.contains { tensor in
        if case .floats = tensor.encoding { false } else { true }
      }
      guard isQuantized else { throw .notQuantized(path: model.path, storesCodes: storesCodes) }
    case .gguf: try GGUFMetadata.check(configuration.rope)
    }
  }
}
