import QuireJSON

/// A GGUF file's metadata as the contents of config.json and generation_config.json.
struct GGUFConfiguration {
  private static let sizes = 1...1_048_576
  private static let counts = 1...4096
  private static let positions = 1...1 << 30
  private static let ids = 0...16_777_215

  let metadata: GGUFFields
  /// Rows of the embedding.
  let vocabularySize: Int
  /// Whether the file has an lm_head of its own.
  let hasHead: Bool

  /// Keys that would change the model's function, and their neutral values.
  private static let neutral: [(key: String, value: Double)] = [
    ("attention.sliding_window", 0), ("attention.scale", 0), ("attention.clamp_kqv", 0),
    ("attention.max_alibi_bias", 0), ("attention.causal", 1), ("attn_logit_softcapping", 0),
    ("final_logit_softcapping", 0), ("logit_scale", 0), ("residual_scale", 0), ("embedding_scale", 0),
    ("expert_count", 0), ("expert_used_count", 0), ("use_parallel_residual", 0),
    ("rope.scaling.attn_factor", 1), ("rope.scaling.yarn_ext_factor", 1),
    ("rope.scaling.yarn_attn_factor", 1), ("rope.scaling.yarn_beta_fast", 32),
    ("rope.scaling.yarn_beta_slow", 1), ("rope.scaling.yarn_log_multiplier", 0),
  ]

  private func key(_ name: String) -> String { "\(GGUFFormat.architecture).\(name)" }

  private func integer(_ name: String, _ range: ClosedRange<Int> = sizes) throws(CheckpointError) -> Int {
    try metadata.integer(key(name), in: range)
  }

  /// config.json.
  func json() throws(CheckpointError) -> JSONValue {
    try checkKind()
    let headCount = try integer("attention.head_count", Self.counts)
    let hiddenSize = try integer("embedding_length")
    var members = JSONObject()
    members["architectures"] = ["Qwen3ForCausalLM"]
    members["attention_bias"] = false
    if let id = try metadata.optionalInteger("tokenizer.ggml.bos_token_id", in: Self.ids) {
      members["bos_token_id"] = .int(id)
    }
    let ends = try endIDs()
    if !ends.isEmpty {
      members["eos_token_id"] = ends.count == 1 ? .int(ends[0]) : .array(ends.map { .int($0) })
    }
    members["head_dim"] = .int(try headSize(hiddenSize / headCount))
    members["hidden_act"] = "silu"
    members["hidden_size"] = .int(hiddenSize)
    members["intermediate_size"] = .int(try integer("feed_forward_length"))
    members["max_position_embeddings"] = .int(try integer("context_length", Self.positions))
    members["model_type"] = "qwen3"
    members["num_attention_heads"] = .int(headCount)
    members["num_hidden_layers"] = .int(try integer("block_count", Self.counts))
    members["num_key_value_heads"] = .int(
      try metadata.optionalInteger(key("attention.head_count_kv"), in: Self.counts) ?? headCount)
    members["rms_norm_eps"] = .float(try float("attention.layer_norm_rms_epsilon"))
    members["rope_scaling"] = try ropeScaling()
    members["rope_theta"] = .double(try metadata.optionalNumber(key("rope.freq_base")) ?? 10_000)
    members["tie_word_embeddings"] = .bool(!hasHead)
    members["torch_dtype"] = "float32"
    members["vocab_size"] = .int(vocabularySize)
    return .object(members)
  }

  /// Files of adapters and of other functions have the same architecture.
  private func checkKind() throws(CheckpointError) {
    if let type = try metadata.optionalText("general.type"), type != "model" {
      throw .foreign(
        path: metadata.path, expected: "a GGUF file of a model", found: "one of type \(type.prefix(40))",
        advice: "give the file of the model itself")
    }
    for (name, value) in Self.neutral {
      switch metadata[key(name)] {
      case nil: continue
      case .bool(let found)? where found == (value == 1): continue
      case .integer(let found)? where Double(found) == value: continue
      case .float(let found)? where found == value: continue
      case let found?:
        throw .foreign(
          path: metadata.path,
          expected: "no \(key(name)), or \(value == value.rounded() ? "\(Int(value))" : "\(value)")",
          found: found.description, advice: "Quire does not compute this; choose another file of the model")
      }
    }
  }

  private func headSize(_ usual: Int) throws(CheckpointError) -> Int {
    let size = try metadata.optionalInteger(key("attention.key_length"), in: 2...1024) ?? usual
    for name in ["attention.value_length", "rope.dimension_count"] {
      if let other = try metadata.optionalInteger(key(name), in: Self.sizes), other != size {
        throw metadata.wrong(key(name), "\(size), the size of a head,")
      }
    }
    return size
  }

  private func float(_ name: String) throws(CheckpointError) -> Float {
    guard let number = try metadata.optionalNumber(key(name)) else {
      throw metadata.wrong(key(name), "a number")
    }
    return Float(number)
  }

  /// `rope_scaling` as transformers names it; llama.cpp's YaRN with default settings is that of transformers.
  private func ropeScaling() throws(CheckpointError) -> JSONValue {
    // The older name is read where the newer one is absent, and a factor without a type is linear, as in llama.cpp.
    let oldFactor = try metadata.optionalNumber(key("rope.scale_linear"))
    let factor = try metadata.optionalNumber(key("rope.scaling.factor")) ?? oldFactor
    let type = try metadata.optionalText(key("rope.scaling.type")) ?? "linear"
    switch type {
    case "none": return .null
    case "linear": return factor.map { ["rope_type": "linear", "factor": .double($0)] } ?? .null
    case "yarn":
      var members: JSONObject = ["rope_type": "yarn", "factor": .double(factor ?? 1)]
      let original = try metadata.optionalInteger(
        key("rope.scaling.original_context_length"), in: Self.positions)
      if let original { members["original_max_position_embeddings"] = .int(original) }
      return .object(members)
    default: throw metadata.wrong(key("rope.scaling.type"), "none, linear or yarn")
    }
  }

  /// Tokens that end an answer, without those that every Qwen3 tokenizer has.
  private func endIDs() throws(CheckpointError) -> [Int] {
    var ids: [Int] = []
    for name in ["eos", "eot", "eom"] {
      let id = try metadata.optionalInteger("tokenizer.ggml.\(name)_token_id", in: Self.ids)
      if let id, id < vocabularySize, !ids.contains(id) { ids.append(id) }
    }
    return ids
  }

  /// Keys of `general.sampling`, and their names in generation_config.json.
  private static let samplingNumbers = [
    ("top_p", "top_p"), ("min_p", "min_p"), ("temp", "temperature"), ("penalty_repeat", "repetition_penalty"),
  ]

  /// generation_config.json from the recommended sampling; nil where there is none.
  func generation() throws(CheckpointError) -> JSONValue? {
    var members = JSONObject()
    if let topK = try metadata.optionalInteger("general.sampling.top_k", in: -1...Int(Int32.max)) {
      members["top_k"] = .int(topK)
    }
    for (key, name) in Self.samplingNumbers {
      guard let value = try metadata.optionalNumber("general.sampling.\(key)") else { continue }
      members[name] = .float(Float(value))
    }
    guard !members.isEmpty else { return nil }
    // GGUF has no key for greedy answers; llama.cpp gives them at a temperature of 0 or less.
    let isGreedy = (members["temperature"]?.doubleValue ?? 1) <= 0
    if isGreedy { members["temperature"] = nil }
    members["do_sample"] = .bool(!isGreedy)
    return .object(members)
  }
}
