import QuireCheckpoints

/// The tensors of a checkpoint that a dense Qwen3 model does not have.
///
/// Those that would change its answers are refused by name: quantized weights, adapters that were not merged,
/// biases. The others are listed in one notice.
enum UnreadTensors {
  /// Notices about the remaining ones, one sentence each.
  static func notices(
    _ checkpoint: Checkpoint, _ configuration: ModelConfiguration
  ) throws(ModelError) -> [String] {
    var known = Set(configuration.tensorNames.map(\.string))
    known.insert(TensorName.head.string)  // LayerLoader handles it
    let others = checkpoint.tensorNames.filter { !known.contains($0) }
    for kind in kinds {
      let found = others.filter(kind.includes)
      guard found.isEmpty else {
        throw .unsupportedTensors(found: "\(kind.what) (\(list(found)))", advice: kind.advice)
      }
    }
    let ignored = others + checkpoint.unlistedTensors
    guard !ignored.isEmpty else { return [] }
    let noun = ignored.count == 1 ? "1 tensor" : "\(ignored.count) tensors"
    return ["\(noun) of the checkpoint \(ignored.count == 1 ? "is" : "are") not used: \(list(ignored))"]
  }

  /// The first names, and how many more there are.
  private static func list(_ names: [String]) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
  }

  private struct Kind {
    let what: String
    let advice: String
    let includes: @Sendable (String) -> Bool
  }

  private static let kinds = [
    Kind(
      what: "quantized weights",
      advice: "use the original checkpoint in bfloat16, which Quire quantizes itself",
      includes: { name in quantizedEndings.contains { name.hasSuffix($0) } || name.contains(".quant_state.") }
    ),
    Kind(
      what: "an adapter that was not merged",
      advice: "merge it into the model, with peft: merge_and_unload() and save_pretrained(OUTPUT)",
      includes: { name in adapterParts.contains { name.contains($0) } }),
    Kind(
      what: "biases", advice: ModelError.chooseAnother,
      includes: { $0.hasSuffix(".bias") && isOfModel($0) }),
  ]

  /// GPTQ, AWQ, compressed-tensors, FP8, bitsandbytes, MLX, torchao, llama.cpp (`.scale`, a factor of a matrix).
  private static let quantizedEndings = [
    ".qweight", ".qzeros", ".scales", ".g_idx", ".weight_packed", ".weight_scale", ".weight_scale_inv",
    ".weight_shape", ".weight_zero_point", ".weight_g_idx", ".input_scale", ".weight_global_scale",
    ".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map", ".SCB", ".weight_format", ".biases",
    ".weight_qdata", ".scale",
  ]

  /// PEFT's names of LoRA, DoRA, (IA)³, VeRA, LoHa, LoKr, OFT, prompt tuning and trained copies of whole modules.
  private static let adapterParts = [
    "lora_", "modules_to_save", "base_layer", "base_model.", "original_module", "ia3_", "vera_lambda",
    "hada_w", "lokr_w", "oft_r", "oft_blocks", "prompt_embeddings", "prompt_encoder", "adaption_",
  ]

  /// Whether a tensor belongs to the language model itself.
  private static func isOfModel(_ name: String) -> Bool {
    ["model.layers.", "model.embed_tokens.", "model.norm.", "lm_head."].contains { name.hasPrefix($0) }
  }
}
