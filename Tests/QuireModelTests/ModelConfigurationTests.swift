import QuireJSON
import QuireModel
import TestSupport
import Testing

/// A Qwen3-8B config.json as published, with members replaced (a nil text removes the member).
private func configuration(_ changes: [String: String?] = [:]) throws -> ModelConfiguration {
  let published = """
    {"architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0,
     "bos_token_id": 151643, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu",
     "hidden_size": 4096, "initializer_range": 0.02, "intermediate_size": 12288,
     "max_position_embeddings": 40960, "max_window_layers": 36, "model_type": "qwen3",
     "num_attention_heads": 32, "num_hidden_layers": 36, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
     "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": false,
     "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true,
     "use_sliding_window": false, "vocab_size": 151936}
    """
  guard case .object(var members) = try JSONValue.parse(Array(published.utf8)) else { fatalError() }
  for (name, text) in changes {
    members[name] = try text.map { try JSONValue.parse(Array($0.utf8)) }
  }
  return try ModelConfiguration(json: .object(members))
}

/// The sentence with which a changed config.json is refused.
private func refusal(_ changes: [String: String?]) -> String {
  do {
    _ = try configuration(changes)
    return "accepted"
  } catch {
    return "\(error)"
  }
}

@Suite struct ModelConfigurationTests {
  @Test func readsThePublishedFile() throws {
    let model = try configuration()
    #expect(model.hiddenSize == 4096)
    #expect(model.headSize == 128)
    #expect(model.vocabularySize == 151_936)
    #expect(model.layerCount == 36)
    #expect(model.layers[35].queryHeadCount == 32)
    #expect(model.layers[35].keyValueHeadCount == 8)
    #expect(model.layers[35].keyValueHeadOfQueryHead[5] == 1)
    #expect(model.layers[35].intermediateSize == 12288)
    #expect(model.rmsNormEpsilon == 1e-6)
    #expect(model.rope == RopeParameters(theta: 1_000_000))
    #expect(!model.tiesEmbeddings)
    #expect(model.maximumPositions == 40960)
    #expect(model.beginOfSequenceID == 151_643)
    #expect(model.endOfSequenceIDs == [151_645])
    #expect(model.isUniform)
    #expect(model.parameterCount == 8_190_735_360)
  }

  @Test func absentFieldsHaveTheDefaultsOfTransformers() throws {
    let model = try configuration([
      "head_dim": nil, "rope_theta": nil, "tie_word_embeddings": nil,
      "num_key_value_heads": nil, "eos_token_id": "null", "bos_token_id": nil,
      "architectures": nil,
    ])
    #expect(model.headSize == 128)
    #expect(model.rope.theta == 10000)
    #expect(!model.tiesEmbeddings)
    #expect(model.layers[0].keyValueHeadCount == 32)
    #expect(model.endOfSequenceIDs == [])
    #expect(try configuration(["head_dim": "null", "num_attention_heads": "64"]).headSize == 64)
    #expect(try configuration(["eos_token_id": "[5, 7]"]).endOfSequenceIDs == [5, 7])
  }

  @Test func generationConfigurationEndsAnswers() throws {
    func ids(_ text: String) throws -> Set<Int32> {
      try ModelConfiguration.endOfSequenceIDs(generationConfiguration: JSONValue.parse(Array(text.utf8)))
    }
    #expect(try ids("{}") == [] && ids(#"{"eos_token_id": null}"#) == [])
    #expect(try ids(#"{"eos_token_id": 5}"#) == [5] && ids(#"{"eos_token_id": [5, 7]}"#) == [5, 7])
    #expect(try ModelConfiguration.endOfSequenceIDs(generationConfiguration: nil) == [])
    for bad in [#""5""#, "[5, null]", "-1", "5.5", "4294967296", "{}"] {
      #expect(throws: ModelError.self, "\(bad)") { try ids(#"{"eos_token_id": \#(bad)}"#) }
    }
  }

  @Test func readsYarnInBothStyles() throws {
    let scaling =
      "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 32768}"
    let old = try configuration(["rope_scaling": scaling])
    #expect(
      old.rope
        == RopeParameters(
          theta: 1_000_000, scaling: .yarn(YarnParameters(factor: 4, originalMaximumPositions: 32768))))
    let modern = try configuration([
      "rope_scaling": nil, "rope_theta": nil,
      "rope_parameters": """
      {"rope_type": "yarn", "rope_theta": 1000000.0, "factor": 4, "original_max_position_embeddings": 32768}
      """,
    ])
    #expect(modern == old)
    let unnamed = try configuration(["rope_scaling": "{\"type\": \"yarn\", \"factor\": 2}"])
    #expect(unnamed.rope.yarn?.originalMaximumPositions == 40960)
    #expect(unnamed.contextPositions == 81920)
    #expect(try configuration().contextPositions == 40960)
    let implied = try configuration([
      "rope_scaling": "{\"type\": \"yarn\", \"factor\": null, \"original_max_position_embeddings\": 10240}"
    ])
    #expect(implied.rope.yarn?.factor == 4)
    let plain = try configuration([
      "rope_theta": nil, "rope_parameters": "{\"rope_type\": \"default\", \"rope_theta\": 5000}",
    ])
    #expect(plain.rope == RopeParameters(theta: 5000))
  }

  @Test func survivesWritingAndReading() throws {
    let yarn = """
      {"rope_type": "yarn", "factor": 2.5, "original_max_position_embeddings": 100, "attention_factor": 1.2,
       "beta_fast": 20, "beta_slow": 2, "mscale": 0.5, "mscale_all_dim": 0.25, "truncate": false}
      """
    var layers = Array(
      repeating: LayerShape(queryHeadCount: 32, keyValueHeadCount: 8, intermediateSize: 12288), count: 36)
    layers[3] = LayerShape(queryHeadCount: 28, keyValueHeadCount: 7, intermediateSize: 256)
    layers[4] = LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [0, 0, 1], intermediateSize: 12288)
    #expect(
      try configuration(["bos_token_id": "200000"]).beginOfSequenceID == nil, "left by a larger vocabulary")
    let variants = [
      try configuration(), try configuration(["rope_scaling": yarn, "tie_word_embeddings": "true"]),
      try configuration(["eos_token_id": "[1, 2]", "rms_norm_eps": "1e-5", "bos_token_id": "null"]),
      try configuration().replacingLayers(layers),
    ]
    for model in variants {
      let text = model.json.serialized()
      #expect(try ModelConfiguration(json: JSONValue.parse(Array(text.utf8))) == model)
    }
    #expect(!variants[3].isUniform)
    #expect(variants[3].json["quire_layers"]?[4]?["key_value_head_of_query_head"] == [0, 0, 1])
    #expect(variants[0].json["quire_layers"] == nil)
  }

  @Test func refusesModelsOfOtherKinds() {
    #expect(
      refusal(["model_type": "\"llama\""])
        == "expected a dense Qwen3 model with model_type \"qwen3\", found model_type = \"llama\" in its configuration; "
        + "choose a checkpoint of Qwen3 such as Qwen/Qwen3-8B")
    #expect(refusal(["model_type": nil]).contains("model_type = null"))
    #expect(refusal(["architectures": "[\"Qwen3MoeForCausalLM\"]"]).contains("architectures = [\"Qwen3Moe"))
    #expect(refusal(["attention_bias": "true"]).contains("with attention_bias false"))
    #expect(refusal(["hidden_act": "\"gelu\""]).contains("with hidden_act \"silu\""))
    #expect(refusal(["quantization_config": "{\"bits\": 4}"]).contains("quantization_config = {\"bits\":4}"))
    for (field, value) in [
      ("quantization_config", #"{"quant_method": "hqq", "bits": 4}"#),
      ("quantization", #"{"mode": "hqq"}"#),
    ] {
      let sentence = refusal([field: value])
      #expect(
        sentence.contains("with unquantized weights, or those of AWQ, GPTQ, compressed-tensors or FP8, "))
      #expect(sentence.contains("found \(field) = \"hqq\" in its"))
      #expect(sentence.hasSuffix("; use the original checkpoint in bfloat16, which Quire quantizes itself"))
    }
    #expect(refusal(["model_type": "\"qwen3_moe\""]).contains("; models with experts do not run; "))
    #expect(refusal(["model_type": "\"qwen3_vl\""]).contains("; models that see or hear do not run; "))
    #expect(
      refusal(["use_sliding_window": "true", "sliding_window": "4096", "max_window_layers": "28"])
        .contains("with use_sliding_window false"))
    #expect(refusal(["layer_types": "[\"sliding_attention\"]"]).contains("\"full_attention\" in every layer"))
    #expect(
      refusal(["rope_scaling": "{\"rope_type\": \"longrope\", \"factor\": 8}"])
        .contains("rope_scaling.rope_type = \"longrope\""))
    #expect(
      refusal(["rope_scaling": "{\"type\": \"ntk\", \"factor\": 8}"]).contains("rope_scaling.type = \"ntk\""))
    #expect(
      refusal(["rope_parameters": "{\"partial_rotary_factor\": 0.5}"]).contains("partial_rotary_factor 1"))
  }

  @Test func acceptsWindowsThatAreNotInUse() throws {
    #expect(try configuration(["sliding_window": "4096"]).layerCount == 36)
    #expect(
      try configuration(["use_sliding_window": "true", "sliding_window": "4096", "max_window_layers": "36"])
        .layerCount == 36)
    #expect(try configuration(["use_sliding_window": "true", "sliding_window": "null"]).layerCount == 36)
  }

  @Test(arguments: [
    ("hidden_size", "0"), ("hidden_size", "4096.5"), ("hidden_size", "\"4096\""), ("vocab_size", "-1"),
    ("vocab_size", "1e30"), ("num_hidden_layers", "0"), ("num_hidden_layers", "1000000"),
    ("num_attention_heads", "0"), ("num_key_value_heads", "5"), ("num_key_value_heads", "0"),
    ("head_dim", "33"), ("head_dim", "0"), ("head_dim", "1000000"), ("intermediate_size", "null"),
    ("intermediate_size", "[]"), ("rms_norm_eps", "0"), ("rms_norm_eps", "\"small\""),
    ("rope_theta", "-5"), ("rope_theta", "true"), ("rope_scaling", "4"), ("rope_scaling", "{\"type\": 3}"),
    ("rope_scaling", "{\"type\": \"yarn\"}"), ("rope_scaling", "{\"type\": \"yarn\", \"factor\": 0.5}"),
    ("rope_scaling", "{\"type\": \"yarn\", \"factor\": 2, \"beta_fast\": 1, \"beta_slow\": 3}"),
    ("tie_word_embeddings", "1"), ("attention_bias", "\"no\""), ("eos_token_id", "\"x\""),
    ("eos_token_id", "[200000]"), ("bos_token_id", "-1"), ("max_position_embeddings", "0"),
    ("vocab_size", "1099511627776"), ("num_hidden_layers", "1000000000000"),
    ("head_dim", "4611686018427387904"),
    ("head_dim", "-128"), ("intermediate_size", "9223372036854775807"), ("hidden_size", "1e18"),
    ("num_attention_heads", "9223372036854775807"), ("max_position_embeddings", "9223372036854775808"),
    ("layer_types", "{}"), ("layer_types", "[]"), ("layer_types", "[\"full_attention\"]"),
    ("quire_layers", "[]"), ("quire_layers", "3"),
  ])
  func refusesNonsense(field: String, text: String) {
    let sentence = refusal([field: text])
    #expect(sentence.hasPrefix("expected "))
    #expect(sentence.contains(field))
    #expect(sentence.contains(", found "))
    #expect(sentence.contains("; "))
    #expect(!sentence.hasSuffix("."))
    #expect(!sentence.contains("\n"))
  }

  @Test func refusesUnsoundPrunedLayers() {
    func pruned(_ members: String) -> String {
      refusal(["num_hidden_layers": "1", "quire_layers": "[{\(members)}]"])
    }
    let sizes = "\"num_attention_heads\": 3, \"num_key_value_heads\": 2, \"intermediate_size\": 64"
    #expect(
      pruned(sizes).contains(
        "expected a divisor of num_attention_heads = 3 as quire_layers[0].num_key_value_heads"))
    for map in ["[0, 1]", "[0, 1, 2]", "[0, 0, 0]", "[0, 1, \"x\"]", "7"] {
      #expect(
        pruned(sizes + ", \"key_value_head_of_query_head\": \(map)")
          .contains("expected 3 integers that cover 0 to 1"))
    }
    #expect(pruned(sizes + ", \"key_value_head_of_query_head\": [1, 0, 1]") == "accepted")
    #expect(refusal(["num_hidden_layers": "1", "quire_layers": "[4]"]).contains("expected an object"))
  }

  @Test func notAnObjectIsOneSentence() {
    #expect(throws: ModelError.invalidField(field: "config.json", expected: "an object", found: "an array")) {
      try ModelConfiguration(json: [])
    }
  }
}
