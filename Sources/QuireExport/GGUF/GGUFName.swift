import QuireCheckpoints
package import QuireModel

extension TensorName {
  /// The name in GGUF files: `blk.3.attn_q.weight`.
  package var gguf: String { GGUFNames.ggufName(string) }
}
