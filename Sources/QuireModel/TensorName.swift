/// The tensors of one decoder layer, in the order in which a layer uses them.
package enum LayerTensor: String, CaseIterable, Sendable {
  case inputNorm = "input_layernorm"
  case queryProjection = "self_attn.q_proj"
  case keyProjection = "self_attn.k_proj"
  case valueProjection = "self_attn.v_proj"
  case queryNorm = "self_attn.q_norm"
  case keyNorm = "self_attn.k_norm"
  case outputProjection = "self_attn.o_proj"
  case postAttentionNorm = "post_attention_layernorm"
  case gateProjection = "mlp.gate_proj"
  case upProjection = "mlp.up_proj"
  case downProjection = "mlp.down_proj"

  /// The matrices among them: all except the norms.
  package static let projections = allCases.filter { !$0.isNorm }

  package var isNorm: Bool {
    switch self {
    case .inputNorm, .queryNorm, .keyNorm, .postAttentionNorm: true
    default: false
    }
  }

  /// The activation that a projection multiplies; nil for norms.
  package var activationSite: ActivationSite? {
    switch self {
    case .queryProjection, .keyProjection, .valueProjection: .attentionInput
    case .outputProjection: .attentionOutput
    case .gateProjection, .upProjection: .mlpInput
    case .downProjection: .mlpOutput
    case .inputNorm, .queryNorm, .keyNorm, .postAttentionNorm: nil
    }
  }

  /// The tensor's shape in layer `layer`: [outputs, inputs] for projections, [width] for norms.
  package func shape(in configuration: ModelConfiguration, layer: Int) -> [Int] {
    let shape = configuration.layers[layer]
    let queryWidth = shape.queryHeadCount * configuration.headSize
    let keyValueWidth = shape.keyValueHeadCount * configuration.headSize
    switch self {
    case .inputNorm, .postAttentionNorm: return [configuration.hiddenSize]
    case .queryNorm, .keyNorm: return [configuration.headSize]
    case .queryProjection: return [queryWidth, configuration.hiddenSize]
    case .keyProjection, .valueProjection: return [keyValueWidth, configuration.hiddenSize]
    case .outputProjection: return [configuration.hiddenSize, queryWidth]
    case .gateProjection, .upProjection: return [shape.intermediateSize, configuration.hiddenSize]
    case .downProjection: return [configuration.hiddenSize, shape.intermediateSize]
    }
  }
}

/// Where a layer's activations can be observed; each is the input of one or more projections.
package enum ActivationSite: String, CaseIterable, Sendable {
  /// The normalised hidden states that the query, key and value projections read, (row, hidden).
  case attentionInput
  /// The heads' outputs that the output projection reads, (row, query head × head size).
  case attentionOutput
  /// The normalised hidden states that the gate and up projections read, (row, hidden).
  case mlpInput
  /// The gated activations that the down projection reads, (row, intermediate).
  case mlpOutput

  /// The half of the layer that the site belongs to.
  package var half: LayerHalf {
    switch self {
    case .attentionInput, .attentionOutput: .attention
    case .mlpInput, .mlpOutput: .mlp
    }
  }

  /// Numbers in one row of the activation.
  package func width(in shape: LayerShape, _ configuration: ModelConfiguration) -> Int {
    switch self {
    case .attentionInput, .mlpInput: configuration.hiddenSize
    case .attentionOutput: shape.queryHeadCount * configuration.headSize
    case .mlpOutput: shape.intermediateSize
    }
  }
}

/// The two residual blocks of a layer, in order.
package enum LayerHalf: Sendable {
  case attention, mlp
}

/// The name of a model tensor. The names of Hugging Face's Qwen3 files, which packs use as well, are spelled only
/// here.
package enum TensorName: Hashable, Sendable, CustomStringConvertible {
  case embedding
  case finalNorm
  case head
  case layer(Int, LayerTensor)

  /// The name in files: `model.layers.3.self_attn.q_proj.weight`.
  package var string: String {
    switch self {
    case .embedding: "model.embed_tokens.weight"
    case .finalNorm: "model.norm.weight"
    case .head: "lm_head.weight"
    case .layer(let index, let tensor): "model.layers.\(index).\(tensor.rawValue).weight"
    }
  }

  package var description: String { string }

  /// The tensor with this name in files, or nil when Qwen3 has none.
  package init?(_ string: String) {
    for name in [TensorName.embedding, .finalNorm, .head] where name.string == string {
      self = name
      return
    }
    let parts = string.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false)
    guard parts.count == 4, parts[0] == "model", parts[1] == "layers", let index = Int(parts[2]),
      String(index) == parts[2], index >= 0, parts[3].hasSuffix(".weight"),
      let tensor = LayerTensor(rawValue: String(parts[3].dropLast(".weight".count)))
    else { return nil }
    self = .layer(index, tensor)
  }

  /// Whether the tensor is a norm's weight vector; all others are matrices.
  package var isNorm: Bool {
    switch self {
    case .embedding, .head: false
    case .finalNorm: true
    case .layer(_, let tensor): tensor.isNorm
    }
  }

  /// The tensor's shape: [rows, columns] for matrices, [width] for norms.
  package func shape(in configuration: ModelConfiguration) -> [Int] {
    switch self {
    case .embedding, .head: [configuration.vocabularySize, configuration.hiddenSize]
    case .finalNorm: [configuration.hiddenSize]
    case .layer(let index, let tensor): tensor.shape(in: configuration, layer: index)
    }
  }
}

extension TensorName: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let name = TensorName(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "no tensor has this name")
    }
    self = name
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(string)
  }
}

extension ModelConfiguration {
  /// Every tensor of the model in the order in which a forward pass reads them, which is also the order in packs. A
  /// tied model has no separate lm_head.
  package var tensorNames: [TensorName] {
    var names: [TensorName] = [.embedding]
    for layer in 0..<layerCount { names += LayerTensor.allCases.map { .layer(layer, $0) } }
    names.append(.finalNorm)
    if !tiesEmbeddings { names.append(.head) }
    return names
  }

  /// The shape of every tensor by its name.
  package var tensorShapes: [String: [Int]] {
    Dictionary(uniqueKeysWithValues: tensorNames.map { ($0.string, $0.shape(in: self)) })
  }

  /// The number of parameters in all tensors together.
  package var parameterCount: Int {
    tensorNames.reduce(0) { $0 + $1.shape(in: self).reduce(1, *) }
  }
}

extension ActivationSite {
  /// The matrices that read this activation.
  package var readers: [LayerTensor] { LayerTensor.projections.filter { $0.activationSite == self } }
}

extension TensorName {
  /// The name without its layer, for people: "self_attn.q_proj", "embed_tokens".
  package var role: String {
    switch self {
    case .layer(_, let tensor): tensor.rawValue
    case .finalNorm: "norm"
    case .embedding: "embed_tokens"
    case .head: "lm_head"
    }
  }
}
