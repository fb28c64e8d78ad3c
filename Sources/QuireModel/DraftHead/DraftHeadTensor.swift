/// The tensors of an EAGLE-3 draft head, in the order in which a pass uses them. The names of published checkpoints are
/// spelled only here.
enum DraftHeadTensor: String, CaseIterable {
  /// Makes one row of three hidden states of the target.
  case fusion = "fc"
  case embeddingNorm = "midlayer.input_layernorm"
  case hiddenNorm = "midlayer.hidden_norm"
  case queryProjection = "midlayer.self_attn.q_proj"
  case keyProjection = "midlayer.self_attn.k_proj"
  case valueProjection = "midlayer.self_attn.v_proj"
  case outputProjection = "midlayer.self_attn.o_proj"
  case postAttentionNorm = "midlayer.post_attention_layernorm"
  case gateProjection = "midlayer.mlp.gate_proj"
  case upProjection = "midlayer.mlp.up_proj"
  case downProjection = "midlayer.mlp.down_proj"
  case finalNorm = "norm"
  case head = "lm_head"

  var name: String { rawValue + ".weight" }

  /// The embedding of the target's tokens; heads without it use the target's.
  static let embeddingName = "embed_tokens.weight"
  /// For each token of the draft vocabulary the distance from its id to the target's id of it.
  static let mapName = "d2t"
  /// Whether a token of the target is in the draft vocabulary; follows from the map.
  static let inverseMapName = "t2d"

  var isNorm: Bool {
    switch self {
    case .embeddingNorm, .hiddenNorm, .postAttentionNorm, .finalNorm: true
    default: false
    }
  }

  /// [outputs, inputs] of a matrix, [width] of a norm.
  func shape(in configuration: DraftHeadConfiguration) -> [Int] {
    let model = configuration.model
    let layer = model.layers[0]
    let queryWidth = layer.queryHeadCount * model.headSize
    let keyValueWidth = layer.keyValueHeadCount * model.headSize
    switch self {
    case .fusion:
      return [model.hiddenSize, DraftHeadConfiguration.featureCount * configuration.targetHiddenSize]
    case .embeddingNorm, .hiddenNorm, .postAttentionNorm, .finalNorm: return [model.hiddenSize]
    // A row of the embedding and a row of features, side by side.
    case .queryProjection: return [queryWidth, 2 * model.hiddenSize]
    case .keyProjection, .valueProjection: return [keyValueWidth, 2 * model.hiddenSize]
    case .outputProjection: return [model.hiddenSize, queryWidth]
    case .gateProjection, .upProjection: return [layer.intermediateSize, model.hiddenSize]
    case .downProjection: return [model.hiddenSize, layer.intermediateSize]
    case .head: return [model.vocabularySize, model.hiddenSize]
    }
  }
}
