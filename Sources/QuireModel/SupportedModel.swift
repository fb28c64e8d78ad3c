import QuireCheckpoints
import QuireJSON

/// The fields of a config.json that would change the model's function and that Quire does not implement: each is
/// refused by name unless it has its neutral value.
enum SupportedModel {
  static func check(_ fields: ConfigurationFields) throws(ModelError) {
    try checkKind(fields)
    try checkQuantization(fields)
    for rule in rules {
      guard let value = fields.value(rule.field), !rule.allows(value) else { continue }
      throw fields.unsupported(rule.field, supported: rule.supported)
    }
    try checkWindows(fields)
  }

  /// A field and its neutral values; null always is one.
  private struct Rule {
    let field: String
    let allowed: [JSONValue]

    var supported: String {
      allowed.isEmpty ? "no \(field)" : "\(field) \(allowed[0].serialized())"
    }

    /// Numbers are compared by value, not by spelling.
    func allows(_ value: JSONValue) -> Bool {
      allowed.contains { $0 == value || ($0.doubleValue != nil && $0.doubleValue == value.doubleValue) }
    }

    init(_ field: String, _ allowed: JSONValue...) {
      self.field = field
      self.allowed = allowed
    }
  }

  /// Fields of Qwen3's own configuration, and of related models that configurations are often derived from.
  private static let rules: [Rule] = [
    Rule("hidden_act", "silu"), Rule("hidden_activation", "silu"),
    Rule("attention_bias", false), Rule("mlp_bias", false), Rule("qkv_bias", false), Rule("use_bias", false),
    Rule("o_proj_bias", false), Rule("attention_out_bias", false), Rule("lm_head_bias", false),
    Rule("use_qkv_bias", false), Rule("no_bias", true),
    Rule("use_qk_norm", true), Rule("qk_norm", true), Rule("qk_layernorm", true),
    Rule("partial_rotary_factor", 1), Rule("rotary_pct", 1),
    Rule("rope_interleave", false), Rule("rope_local_base_freq"), Rule("no_rope_layers"),
    Rule("no_rope_layer_interval"), Rule("use_mrope", false), Rule("rope_ratio", 1),
    Rule("attn_logit_softcapping"), Rule("attention_logit_softcapping"), Rule("final_logit_softcapping"),
    Rule("query_pre_attn_scalar"), Rule("attention_multiplier"), Rule("softmax_scale"),
    Rule("embedding_multiplier", 1), Rule("residual_multiplier", 1),
    Rule("logit_scale", 1), Rule("logits_scaling", 1),
    Rule("scale_emb", 1), Rule("scale_embeddings", false), Rule("scale_depth"), Rule("dim_model_base"),
    Rule("attention_chunk_size"), Rule("attention_sinks"), Rule("use_attention_sinks", false),
    Rule("is_causal", true), Rule("use_bidirectional_attention", false), Rule("add_cross_attention", false),
    Rule("is_encoder_decoder", false), Rule("use_parallel_residual", false), Rule("parallel_residual", false),
    Rule("num_experts", 0, 1), Rule("num_local_experts", 0, 1), Rule("n_routed_experts", 0, 1),
    Rule("kv_lora_rank"), Rule("q_lora_rank"), Rule("pruned_heads", [:]), Rule("vision_config"),
    Rule("audio_config"), Rule("pretraining_tp", 1),
  ]

  /// Other types of model, by the names in their files.
  private static func checkKind(_ fields: ConfigurationFields) throws(ModelError) {
    let type = fields.value("model_type")
    guard type == "qwen3" else {
      let name = type?.stringValue ?? ""
      var advice = "choose a checkpoint of Qwen3 such as Qwen/Qwen3-8B"
      if name.contains("moe") || name == "mixtral" || name.hasPrefix("deepseek_v") {
        advice = "models with experts do not run; " + advice
      } else if name.contains("_vl") || name.contains("omni") || name == "llava" {
        advice = "models that see or hear do not run; " + advice
      }
      throw fields.unsupported("model_type", supported: "model_type \"qwen3\"", advice: advice)
    }
    if let architectures = fields.value("architectures"), architectures != ["Qwen3ForCausalLM"] {
      throw fields.unsupported("architectures", supported: "architectures [\"Qwen3ForCausalLM\"]")
    }
  }

  /// Weights that another tool has quantized; the field depends on the tool.
  private static func checkQuantization(_ fields: ConfigurationFields) throws(ModelError) {
    if StoredQuantization.isRead(.object(fields.members)) { return }
    for field in ["quantization_config", "compression_config", "quantization"] {
      guard let value = fields.value(field) else { continue }
      let method = ["quant_method", "quant_algo", "format", "mode"].lazy
        .compactMap { value[$0]?.stringValue }.first
      throw .unsupported(
        field: fields.prefix + field,
        found: method.map { "\"\($0)\"" } ?? ConfigurationFields.shown(value),
        supported: "unquantized weights, or those of AWQ, GPTQ, compressed-tensors or FP8",
        advice: "use the original checkpoint in bfloat16, which Quire quantizes itself")
    }
  }

  /// Sliding windows are used when switched on for some layer, by number or by layer type.
  private static func checkWindows(_ fields: ConfigurationFields) throws(ModelError) {
    if let types = fields.value("layer_types") {
      guard let names = types.arrayValue else {
        throw fields.invalid("layer_types", expected: "a list of strings", types)
      }
      if names.contains(where: { $0 != "full_attention" }) {
        throw fields.unsupported("layer_types", supported: "\"full_attention\" in every layer")
      }
      let layerCount = try fields.integer("num_hidden_layers", in: ModelConfiguration.layerCounts)
      guard names.count == layerCount else {
        throw fields.invalid(
          "layer_types", expected: "a list of \(layerCount) strings, one per layer,", types)
      }
    } else if try fields.optionalBool("use_sliding_window") ?? false {
      let firstWindowed = try fields.optionalInteger("max_window_layers", in: 0...Int.max) ?? 28
      let layerCount = try fields.integer("num_hidden_layers", in: ModelConfiguration.layerCounts)
      if fields.value("sliding_window") != nil && firstWindowed < layerCount {
        throw fields.unsupported("use_sliding_window", supported: "use_sliding_window false")
      }
    }
  }
}
