package import QuireJSON

extension ModelConfiguration {
  /// config.json's content. Reading it gives an equal configuration. A model whose layers differ has the
  /// widest layer's counts in the usual members, and each layer's own in `quire_layers`.
  package var json: JSONValue {
    var members = JSONObject()
    members["architectures"] = ["Qwen3ForCausalLM"]
    members["attention_bias"] = false
    members["attention_dropout"] = .double(0)
    if let beginOfSequenceID { members["bos_token_id"] = .int(beginOfSequenceID) }
    if endOfSequenceIDs.count == 1 {
      members["eos_token_id"] = .int(endOfSequenceIDs[0])
    } else if !endOfSequenceIDs.isEmpty {
      members["eos_token_id"] = .array(endOfSequenceIDs.map { .int($0) })
    }
    members["head_dim"] = .int(headSize)
    members["hidden_act"] = "silu"
    members["hidden_size"] = .int(hiddenSize)
    members["intermediate_size"] = .int(maximumIntermediateSize)
    members["max_position_embeddings"] = .int(maximumPositions)
    members["max_window_layers"] = .int(layerCount)
    members["model_type"] = "qwen3"
    members["num_attention_heads"] = .int(maximumQueryHeadCount)
    members["num_hidden_layers"] = .int(layerCount)
    members["num_key_value_heads"] = .int(maximumKeyValueHeadCount)
    members["rms_norm_eps"] = .float(rmsNormEpsilon)
    members["rope_scaling"] = rope.scaling.json
    members["rope_theta"] = .double(rope.theta)
    members["sliding_window"] = .null
    members["tie_word_embeddings"] = .bool(tiesEmbeddings)
    members["torch_dtype"] = "bfloat16"
    members["use_cache"] = true
    members["use_sliding_window"] = false
    members["vocab_size"] = .int(vocabularySize)
    if !isUniform { members["quire_layers"] = .array(layers.map(\.json)) }
    return .object(members)
  }
}

extension LayerShape {
  var json: JSONValue {
    var members = JSONObject()
    members["num_attention_heads"] = .int(queryHeadCount)
    members["num_key_value_heads"] = .int(keyValueHeadCount)
    members["intermediate_size"] = .int(intermediateSize)
    if !isRegular {
      members["key_value_head_of_query_head"] = .array(keyValueHeadOfQueryHead.map { .int($0) })
    }
    return .object(members)
  }
}

extension RopeScaling {
  /// The member `rope_scaling`; null for none.
  var json: JSONValue {
    switch self {
    case .none: .null
    case .linear(let factor): ["rope_type": "linear", "factor": .double(factor)]
    case .yarn(let yarn): yarn.json
    case .llama3(let llama3):
      [
        "rope_type": "llama3", "factor": .double(llama3.factor),
        "low_freq_factor": .double(llama3.lowFrequencyFactor),
        "high_freq_factor": .double(llama3.highFrequencyFactor),
        "original_max_position_embeddings": .int(llama3.originalMaximumPositions),
      ]
    }
  }
}

extension YarnParameters {
  var json: JSONValue {
    var members = JSONObject()
    members["rope_type"] = "yarn"
    members["factor"] = .double(factor)
    members["original_max_position_embeddings"] = .int(originalMaximumPositions)
    if let attentionFactor { members["attention_factor"] = .double(attentionFactor) }
    members["beta_fast"] = .double(betaFast)
    members["beta_slow"] = .double(betaSlow)
    if let mscale { members["mscale"] = .double(mscale) }
    if let mscaleAllDimensions { members["mscale_all_dim"] = .double(mscaleAllDimensions) }
    members["truncate"] = .bool(truncatesBounds)
    return .object(members)
  }
}
