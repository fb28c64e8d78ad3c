import QuireCheckpoints
import QuireFiles
import QuireJSON
package import QuireModel
import QuirePacks
import QuireTensors
import QuireText

/// A tensor as it is stored.
package struct StoredTensor: Sendable, Equatable {
  package let name: String
  package let shape: [Int]
  /// An element type of safetensors, or a pack's scheme.
  package let scheme: String
  /// Number of inputs that share a scale; nil without scales, or with one per output channel.
  package let group: Int?
  package let rawBytes: Int
  package let packedBytes: Int
}

extension ModelSource {
  package func size() throws(ModelFileError) -> ModelSize {
    let configuration = try configuration()
    return ModelSize(
      fileBytes: try fileBytes(), weightBytes: weightBytes(try tensors(), configuration),
      parameterCount: configuration.parameterCount)
  }

  /// Bytes of the weights as plans, evaluations and inspections count them: those of a pack's streams. A checkpoint's
  /// norms count 16 bits a value whatever their type, since they are nearly always bf16 numbers.
  package func weightBytes(_ tensors: [StoredTensor], _ configuration: ModelConfiguration) -> Int {
    let stored = Dictionary(tensors.map { ($0.name, $0.rawBytes) }, uniquingKeysWith: { first, _ in first })
    return configuration.tensorNames.reduce(0) { sum, name in
      let isCounted = name.isNorm && !isPack
      return sum + (isCounted ? 2 * name.shape(in: configuration)[0] : stored[name.string] ?? 0)
    }
  }

  /// Whether it is a checkpoint with quantized matrices, which `load` dequantizes to float32.
  package var hasQuantizedMatrices: Bool {
    get throws(ModelFileError) {
      guard !isPack else { return false }
      return try loader().checkpoint.quantizationName != nil
    }
  }

  /// What a conversion without steps does with these; nil without any. Reads their scales and zero points.
  package func keptMatrices() throws(ModelFileError) -> QuantizedSource? {
    guard !isPack else { return nil }
    let checkpoint = try loader().checkpoint
    return try reading { () throws(ModelError) in try QuantizedSource(checkpoint, keepsGrids: true) }
  }

  /// Bytes of the weights as `load` holds them: a checkpoint's quantized matrices, and those that an adapter changes, as
  /// float32.
  package func loadedBytes() throws(ModelFileError) -> Int {
    let configuration = try configuration()
    if isPack { return try size().weightBytes }
    let checkpoint = try loader().checkpoint
    return configuration.tensorNames.reduce(0) { sum, name in
      guard let record = checkpoint.record(name.string) else { return sum }
      let isDequantized = checkpoint.storedFormat(name.string) != nil
      let elementBytes = isDequantized ? ElementType.float32.byteCount : record.element.byteCount
      return sum + record.shape.reduce(elementBytes, *)
    }
  }

  private func fileBytes() throws(ModelFileError) -> Int {
    if let pack { return pack.fileBytes + (pack.parent?.fileBytes ?? 0) }
    let checkpoint = try checkpoint(for: "its size").checkpoint
    return try reading { () throws(CheckpointError) in try checkpoint.fileBytes() }
  }

  /// How the parts of a delta pack's size begin.
  package static let deltaNoticeStart = "its size on disk is "

  /// The parts of a delta pack's size; nil for other models.
  package var deltaNotice: String? {
    guard let pack, let parent = pack.parent, let named = pack.manifest.parent else { return nil }
    return Self.deltaNoticeStart
      + "\(ByteText.of(pack.fileBytes)) of its own and \(ByteText.of(parent.fileBytes)) of its parent "
      + named.file
  }

  /// Every stored tensor: a pack's in their order, a checkpoint's by name.
  package func tensors() throws(ModelFileError) -> [StoredTensor] {
    if let pack {
      return pack.tensors.map {
        StoredTensor(
          name: $0.name, shape: $0.shape, scheme: $0.scheme, group: $0.group, rawBytes: $0.rawBytes,
          packedBytes: $0.packedBytes)
      }
    }
    let checkpoint = try checkpoint(for: "its tensors").checkpoint
    return checkpoint.tensorNames.compactMap(checkpoint.record).map {
      let packedBytes = $0.byteCount
      if let stored = checkpoint.storedFormat($0.name) {
        return StoredTensor(
          name: $0.name, shape: $0.shape, scheme: stored.scheme,
          group: stored.hasOneGroup ? nil : stored.group,
          rawBytes: stored.byteCount, packedBytes: stored.byteCount)
      }
      // The range of a matrix that an adapter changes is that of the stored values.
      let rawBytes =
        checkpoint.isAdapted($0.name) ? $0.shape.reduce($0.element.byteCount, *) : packedBytes
      return StoredTensor(
        name: $0.name, shape: $0.shape, scheme: $0.element.rawValue, group: nil, rawBytes: rawBytes,
        packedBytes: packedBytes)
    }
  }

  /// Whether the model comes with a tokenizer, readable or not.
  package var hasTokenizer: Bool {
    if let pack { return pack.manifest.tokenizer != nil }
    return isFile || Tokenizer.exists(inFolder: path)
  }

  /// The recipe's name and its last step, from a pack's manifest; nil for a checkpoint, and for a pack made without
  /// steps.
  package var origin: (recipe: String?, lastStep: String?) {
    // The first row is the checkpoint before any step.
    return (pack?.manifest.recipe?.name, pack?.manifest.stepNames.dropFirst().last)
  }
}

extension Checkpoint.StoredFormat {
  /// "int4", "int4-asymmetric", "fp8".
  fileprivate var scheme: String {
    typeName ?? (isInteger ? "int\(bits)\(hasZeros ? "-asymmetric" : "")" : "fp\(bits)")
  }
}
