/// The names of a Qwen3 model's tensors in GGUF files and in checkpoints.
package enum GGUFNames {
  private static let outside = [
    (gguf: "token_embd", checkpoint: "model.embed_tokens"), (gguf: "output_norm", checkpoint: "model.norm"),
    (gguf: "output", checkpoint: "lm_head"),
  ]
  private static let inLayer = [
    (gguf: "attn_norm", checkpoint: "input_layernorm"), (gguf: "attn_q", checkpoint: "self_attn.q_proj"),
    (gguf: "attn_k", checkpoint: "self_attn.k_proj"), (gguf: "attn_v", checkpoint: "self_attn.v_proj"),
    (gguf: "attn_q_norm", checkpoint: "self_attn.q_norm"),
    (gguf: "attn_k_norm", checkpoint: "self_attn.k_norm"),
    (gguf: "attn_output", checkpoint: "self_attn.o_proj"),
    (gguf: "ffn_norm", checkpoint: "post_attention_layernorm"),
    (gguf: "ffn_gate", checkpoint: "mlp.gate_proj"),
    (gguf: "ffn_up", checkpoint: "mlp.up_proj"), (gguf: "ffn_down", checkpoint: "mlp.down_proj"),
  ]

  /// `model.layers.3.self_attn.q_proj.weight` for `blk.3.attn_q.weight`; names that no Qwen3 model has stay as they
  /// are.
  package static func checkpointName(_ name: String) -> String {
    renamed(name, "blk.", "model.layers.", inLayer, outside.map { ($0.gguf, $0.checkpoint) })
  }

  /// The reverse.
  package static func ggufName(_ name: String) -> String {
    renamed(
      name, "model.layers.", "blk.", inLayer.map { ($0.checkpoint, $0.gguf) },
      outside.map { ($0.checkpoint, $0.gguf) })
  }

  private static func renamed(
    _ name: String, _ prefix: String, _ newPrefix: String, _ inLayer: [(String, String)],
    _ outside: [(String, String)]
  ) -> String {
    // The last part is "weight" or "bias".
    guard let dot = name.lastIndex(of: ".") else { return name }
    let (stem, ending) = (name[..<dot], name[dot...])
    if let match = outside.first(where: { $0.0 == stem }) { return match.1 + ending }
    guard stem.hasPrefix(prefix) else { return name }
    let rest = stem.dropFirst(prefix.count)
    guard let end = rest.firstIndex(of: "."), let layer = Int(rest[..<end]), layer >= 0,
      "\(layer)" == rest[..<end],
      let match = inLayer.first(where: { $0.0 == rest[rest.index(after: end)...] })
    else { return name }
    return "\(newPrefix)\(layer).\(match.1)\(ending)"
  }
}
