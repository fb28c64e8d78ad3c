import QuireModel

/// The one shape that a model whose layers differ is filled to with zeros, and how each matrix gets there.
///
/// Every layer gets as many KV heads as the one with the most, as many query heads for each as the widest group, and
/// as many neurons as the widest MLP. A head of zeros adds nothing, because the columns of `o_proj` that read it are
/// zeros; neither does a neuron of zeros. So the filled model computes the same function.
struct UniformFill: Sendable {
  /// The model as it is exported.
  let configuration: ModelConfiguration
  private let stored: ModelConfiguration
  private let maps: [LayerMap]

  private struct LayerMap: Sendable {
    let queryHeads: [Int?]
    let keyValueHeads: [Int?]
  }

  /// - Parameter neuronMultiple: the filled neuron count is a multiple of it, so that groups of columns stay whole.
  init(_ stored: ModelConfiguration, neuronMultiple: Int) {
    let keyValueCount = stored.maximumKeyValueHeadCount
    let groupWidth = stored.layers.map(Self.widestGroup).max() ?? 1
    let multiple = max(1, neuronMultiple)
    let neuronCount = (stored.maximumIntermediateSize + multiple - 1) / multiple * multiple
    let shape = LayerShape(
      queryHeadCount: keyValueCount * groupWidth, keyValueHeadCount: keyValueCount,
      intermediateSize: neuronCount)
    self.stored = stored
    configuration = stored.replacingLayers(Array(repeating: shape, count: stored.layerCount))
    maps = stored.layers.map { layer in
      LayerMap(
        queryHeads: (0..<keyValueCount).flatMap { Self.queryHeads(of: $0, layer, width: groupWidth) },
        keyValueHeads: (0..<keyValueCount).map { $0 < layer.keyValueHeadCount ? $0 : nil })
    }
  }

  private static func widestGroup(_ layer: LayerShape) -> Int {
    (0..<layer.keyValueHeadCount).map { head in layer.keyValueHeadOfQueryHead.count { $0 == head } }.max()
      ?? 1
  }

  private static func queryHeads(of keyValueHead: Int, _ layer: LayerShape, width: Int) -> [Int?] {
    let own = layer.keyValueHeadOfQueryHead.indices.filter {
      layer.keyValueHeadOfQueryHead[$0] == keyValueHead
    }
    return own.map(Optional.some) + [Int?](repeating: nil, count: width - own.count)
  }

  /// How a matrix is filled; nil when it stays as it is.
  func fill(of name: TensorName) -> ZeroFill? {
    guard case .layer(let index, let tensor) = name, !tensor.isNorm else { return nil }
    let heads = BlockMap(blockSize: stored.headSize, sources: maps[index].queryHeads)
    let keyValueHeads = BlockMap(blockSize: stored.headSize, sources: maps[index].keyValueHeads)
    let neurons = BlockMap(
      appendingTo: stored.layers[index].intermediateSize, upTo: configuration.maximumIntermediateSize)
    let shape = tensor.shape(in: stored, layer: index)
    switch tensor {
    case .queryProjection: return ZeroFill(rows: heads, of: shape)
    case .keyProjection, .valueProjection: return ZeroFill(rows: keyValueHeads, of: shape)
    case .outputProjection: return ZeroFill(columns: heads, of: shape)
    case .gateProjection, .upProjection: return ZeroFill(rows: neurons, of: shape)
    case .downProjection: return ZeroFill(columns: neurons, of: shape)
    case .inputNorm, .queryNorm, .keyNorm, .postAttentionNorm: return nil
    }
  }

  /// Parameters that are zeros.
  var zeroCount: Int { configuration.parameterCount - stored.parameterCount }
}

extension ModelConfiguration {
  /// What differs between the layers, for a message; nil when one set of counts describes all of them.
  var difference: String? {
    if isUniform { return nil }
    func counts(_ layer: LayerShape) -> String {
      "\(layer.queryHeadCount) query heads, \(layer.keyValueHeadCount) KV heads and \(layer.intermediateSize) neurons"
    }
    if let other = layers.firstIndex(where: { counts($0) != counts(layers[0]) }) {
      return "\(counts(layers[0])) in layer 0 but \(counts(layers[other])) in layer \(other)"
    }
    return "KV heads that different numbers of query heads share"
  }
}
