package import QuireModel

extension TensorName {
  /// The name in GGUF files: `blk.3.attn_q.weight`.
  package var gguf: String {
    switch self {
    case .embedding: "token_embd.weight"
    case .finalNorm: "output_norm.weight"
    case .head: "output.weight"
    case .layer(let index, let tensor): "blk.\(index).\(tensor.gguf).weight"
    }
  }
}

extension LayerTensor {
  fileprivate var gguf: String {
    switch self {
    case .inputNorm: "attn_norm"
    case .queryProjection: "attn_q"
    case .keyProjection: "attn_k"
    case .valueProjection: "attn_v"
    case .queryNorm: "attn_q_norm"
    case .keyNorm: "attn_k_norm"
    case .outputProjection: "attn_output"
    case .postAttentionNorm: "ffn_norm"
    case .gateProjection: "ffn_gate"
    case .upProjection: "ffn_up"
    case .downProjection: "ffn_down"
    }
  }
}
