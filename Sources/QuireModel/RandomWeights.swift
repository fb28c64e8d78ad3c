package import QuireTensors

/// Random weights generated in memory, for measuring speed without a checkpoint: with the right sizes and layout
/// and realistic magnitudes. Equal seeds give equal bits whatever the thread count.
package struct RandomWeights: WeightSource {
  private let format: WeightFormat
  private let embeddingFormat: WeightFormat
  private let seed: UInt64
  private let team: ThreadTeam

  /// - Parameters:
  ///   - format: of the layers' matrices.
  ///   - embeddingFormat: of embedding and lm_head.
  package init(format: WeightFormat, embeddingFormat: WeightFormat, seed: UInt64, team: ThreadTeam) {
    self.format = format
    self.embeddingFormat = embeddingFormat
    self.seed = seed
    self.team = team
  }

  /// Bytes of a model's weights, known before they are generated.
  package func byteCount(of configuration: ModelConfiguration) -> Int {
    configuration.tensorNames.reduce(0) { sum, name in
      let shape = name.shape(in: configuration)
      return sum
        + (name.isNorm ? shape[0] * 4 : storage(of: name).byteCount(rows: shape[0], columns: shape[1]))
    }
  }

  /// How a matrix is stored.
  private func storage(of name: TensorName) -> WeightFormat {
    name == .embedding || name == .head ? embeddingFormat : format
  }

  package func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
    try matrix(named: name.string, storage(of: name), rows: rows, columns: columns)
  }

  /// A matrix of this format; the name only varies the values.
  func matrix(
    named name: String, _ format: WeightFormat, rows: Int, columns: Int
  ) throws(ModelError) -> WeightMatrix {
    let seed = name.utf8.reduce(self.seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    guard format.scheme != .bf16 else {
      let bits = HostBuffer<UInt16>(count: rows * columns)
      let exponent = Self.exponentBits(deviation: 1 / Float(columns).squareRoot())
      let pattern = UInt64(exponent) &* 0x0001_0001_0001_0001
      // Random sign and fraction, fixed exponent: values of one magnitude, half of them negative.
      RandomBytes.fill(bits.bytes, seed: seed, team: team) { $0 & 0x807F_807F_807F_807F | pattern }
      return .dense(
        DenseMatrix(
          rows: rows, columns: columns, element: .bfloat16, base: UnsafeRawPointer(bits.pointer), owner: bits)
      )
    }
    let parts = QuantizedMatrix.Parts(format, rows: rows, columns: columns)
    RandomBytes.fill(parts.codes.bytes, seed: seed, team: team) { $0 }
    // Zero points are one of the two codes in the middle of the range.
    let middle: UInt64 = format.scheme == .int4 ? 0x7777_7777_7777_7777 : 0x7F7F_7F7F_7F7F_7F7F
    let one: UInt64 = format.scheme == .int4 ? 0x1111_1111_1111_1111 : 0x0101_0101_0101_0101
    RandomBytes.fill(parts.zeros.bytes, seed: seed &+ 1, team: team) { ($0 & one) &+ middle }
    let scale = representableScale(1 / (Self.deviation(of: format) * Float(columns).squareRoot()))
    parts.scales.buffer.update(repeating: format.scaleType.bits(scale))
    if format.scheme.isNonlinear {
      // Scales of levels have both signs.
      for index in stride(from: 1, to: parts.scales.count, by: 2) {
        parts.scales[index] = format.scaleType.bits(-scale)
      }
    }
    do {
      return .quantized(
        try QuantizedMatrix(
          rows: rows, columns: columns, format: format, codes: UnsafeRawBufferPointer(parts.codes.bytes),
          scales: UnsafeBufferPointer(parts.scales.buffer), zeros: UnsafeRawBufferPointer(parts.zeros.bytes),
          owner: parts))
    } catch {
      throw .unsupported(
        field: "width of \(name)", found: "\(columns)", supported: "widths that \(format) can store",
        advice: "choose another group")
    }
  }

  /// Of weights with uniform codes and a scale of 1: range / √12 where they are integers.
  private static func deviation(of format: WeightFormat) -> Float {
    let levels = format.levels.map(Float.init)
    guard !levels.isEmpty else { return Float(format.codeRange.count) / Float(12).squareRoot() }
    return (levels.reduce(0) { $0 + $1 * $1 } / Float(levels.count)).squareRoot()
  }

  package func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
    let ones = HostBuffer<Float>(count: count)
    ones.buffer.update(repeating: 1)
    return ones
  }

  /// The bf16 exponent field of a power of two near `deviation`.
  private static func exponentBits(deviation: Float) -> UInt16 {
    Float(sign: .plus, exponent: deviation.exponent, significand: 1).bfloat16Bits & 0x7F80
  }
}

private enum RandomBytes {
  /// Fills memory with splitmix64's sequence, each word passed through `shape`.
  static func fill(
    _ bytes: UnsafeMutableRawBufferPointer, seed: UInt64, team: ThreadTeam, shape: (UInt64) -> UInt64
  ) {
    let wordCount = bytes.count / 8
    team.run { thread, count in
      for word in ThreadTeam.range(of: wordCount, share: thread, count: count) {
        bytes.storeBytes(of: shape(Self.word(seed, word)), toByteOffset: word * 8, as: UInt64.self)
      }
    }
    for index in wordCount * 8..<bytes.count {
      bytes[index] = UInt8(truncatingIfNeeded: shape(Self.word(seed, wordCount)) >> UInt64(index % 8 * 8))
    }
  }

  /// The word at `index` of splitmix64's sequence, which allows random access.
  static func word(_ seed: UInt64, _ index: Int) -> UInt64 {
    SplitMix64.mix(seed &+ UInt64(index + 1) &* SplitMix64.increment)
  }
}

extension KeyValueCache {
  /// Fills every block with random keys and values, as if sequences had been computed, so that decoding at a long
  /// context can be measured without computing the context.
  package func fillRandomly(seed: UInt64, compute: Compute) {
    let blockBytes = element.blockBytes(headSize: headSize)
    let (keys, values) = randomBlocks(seed: seed, kernels: compute.kernels)
    compute.team.run { share, count in
      for block in ThreadTeam.range(of: blockCount, share: share, count: count) {
        for layer in layers {
          for head in 0..<layer.keyValueHeadCount {
            layer.keys(block: block, head: head).update(from: keys.pointer, count: blockBytes)
            layer.values(block: block, head: head).update(from: values.pointer, count: blockBytes)
          }
        }
      }
    }
  }

  /// Stores random values in one block of one head as a forward pass does; the kernels define the bytes. All blocks
  /// may have the same values.
  private func randomBlocks(seed: UInt64, kernels: Kernels) -> (
    keys: HostBuffer<UInt8>, values: HostBuffer<UInt8>
  ) {
    let floats = HostBuffer<Float>(count: 2 * headSize)
    let keys = HostBuffer<UInt8>(count: element.blockBytes(headSize: headSize))
    let values = HostBuffer<UInt8>(count: keys.count)
    for slot in 0..<Self.blockSize {
      for index in 0..<floats.count {
        let word = RandomBytes.word(seed, slot * floats.count + index)
        floats[index] = Float(Int32(truncatingIfNeeded: word)) / Float(Int32.max) * 2
      }
      kernels.storeKeyValue(
        key: floats.pointer, value: floats.pointer + headSize,
        keyBlock: UnsafeMutableRawPointer(keys.pointer),
        valueBlock: UnsafeMutableRawPointer(values.pointer), slot: slot, headSize: headSize, element: element)
    }
    return (keys, values)
  }
}

extension Model {
  /// A model of random weights.
  /// Throws when a width of the configuration cannot be stored in `format`.
  package static func random(
    _ configuration: ModelConfiguration, format: WeightFormat, embeddingFormat: WeightFormat, seed: UInt64,
    team: ThreadTeam
  ) throws(ModelError) -> Model {
    try Model(
      configuration: configuration,
      source: RandomWeights(format: format, embeddingFormat: embeddingFormat, seed: seed, team: team))
  }
}
