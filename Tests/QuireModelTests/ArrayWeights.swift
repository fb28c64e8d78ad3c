import QuireModel
import QuireTensors
import TestSupport

/// Weights from plain arrays, dense or quantized on the way: what tests build models from.
struct ArrayWeights: WeightSource {
  var values: [String: [Float]]  // row-major, by the names files use
  /// How matrices are stored; the embedding is `embeddingFormat`.
  var format = WeightFormat.bf16
  var embeddingFormat = WeightFormat.bf16
  /// Element type of dense matrices.
  var element = ElementType.bfloat16

  /// The values a tiny checkpoint's files would hold.
  init(_ checkpoint: TinyCheckpoint) {
    values = Dictionary(
      uniqueKeysWithValues: checkpoint.tensorShapes.map { name, shape in
        (name, checkpoint.values(of: name, shape: shape).map { Float(bfloat16Bits: $0.bfloat16Bits) })
      })
  }

  /// The tensors of safetensors files.
  init(files: [GoldenFile]) {
    values = [:]
    for file in files {
      for name in file.names { values[name] = file.floats(name) }
    }
    element = .float32
  }

  func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
    let floats = try self.floats(name, count: rows * columns)
    let format = name == .embedding || name == .head ? embeddingFormat : self.format
    guard format.scheme == .bf16 else {
      return .quantized(Self.quantized(floats, rows: rows, columns: columns, format: format))
    }
    let buffer = HostBuffer(floats)
    switch element {
    case .float32: return .dense(DenseMatrix(rows: rows, columns: columns, values: buffer))
    case .bfloat16:
      return .dense(DenseMatrix(rows: rows, columns: columns, roundingToBfloat16: buffer.pointer))
    default:
      let bits = HostBuffer(floats.map(SafetensorsImage.halfBits))
      return .dense(
        DenseMatrix(
          rows: rows, columns: columns, element: .float16, base: UnsafeRawPointer(bits.pointer), owner: bits))
    }
  }

  func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
    HostBuffer(try floats(name, count: count))
  }

  private func floats(_ name: TensorName, count: Int) throws(ModelError) -> [Float] {
    guard let floats = values[name.string], floats.count == count else {
      throw .tensor(
        name: name.string, expected: "\(count) values", found: "\(values[name.string]?.count ?? 0)")
    }
    return floats
  }

  /// Round to the nearest code of each group.
  static func quantized(
    _ values: [Float], rows: Int, columns: Int, format: WeightFormat
  ) -> QuantizedMatrix {
    let group = format.group ?? columns
    let limit = Float(format.codeRange.upperBound)
    var codes: [Int8] = []
    var scales: [Float] = []
    for start in stride(from: 0, to: values.count, by: group) {
      let part = values[start..<start + group]
      let scale = representableScale((part.map(abs).max() ?? 0) / limit)
      scales.append(scale)
      codes += part.map { Int8(max(-limit - 1, min(limit, (scale == 0 ? 0 : $0 / scale).rounded()))) }
    }
    do {
      return try QuantizedMatrix.encode(
        codes: codes, scales: scales, rows: rows, columns: columns, format: format)
    } catch {
      preconditionFailure("\(error)")
    }
  }
}

extension TinyCheckpoint {
  /// The configuration its config.json describes.
  var configuration: ModelConfiguration {
    let layer = LayerShape(
      queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount,
      intermediateSize: intermediateSize)
    return ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize, vocabularySize: vocabularySize,
      tiesEmbeddings: tiesEmbeddings, maximumPositions: maximumPositions,
      layers: Array(repeating: layer, count: layerCount))
  }
}

extension Model {
  /// A model of `source` whose matrices are what `model` computes with, as float32: the reference for quantization.
  static func dequantized(_ model: Model) throws -> Model {
    var source = ArrayWeights(files: [])
    for name in model.configuration.tensorNames {
      source.values[name.string] =
        name.isNorm
        ? model.norm(name).elements
        : model.matrix(name).dequantized(kernels: Kernels(.portable)).elements
    }
    return try Model(configuration: model.configuration, source: source)
  }
}

extension HostBuffer {
  /// A copy. Unlike `buffer`, it outlives a buffer that nobody else holds.
  var elements: [Element] { withExtendedLifetime(self) { Array(buffer) } }
}
