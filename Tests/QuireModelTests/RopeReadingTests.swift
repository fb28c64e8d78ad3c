import QuireJSON
import QuireModel
import TestSupport
import Testing

/// Rope settings in all the places where config.json files have them. That the angles are right is RotaryEmbeddingTests' matter.
@Suite struct RopeReadingTests {
  /// The configuration of a tiny model with these members; nil removes one.
  private func configuration(_ members: [String: String?]) throws -> ModelConfiguration {
    guard case .object(var object) = try JSONValue.parse(Array(TinyCheckpoint().configurationText.utf8))
    else {
      preconditionFailure("a configuration is an object")
    }
    for (name, text) in members { object[name] = try text.map { try JSONValue.parse(Array($0.utf8)) } }
    return try ModelConfiguration(json: .object(object))
  }

  private func refusal(_ members: [String: String?]) -> String {
    do {
      _ = try configuration(members)
      return "accepted"
    } catch {
      return "\(error)"
    }
  }

  private static let yarn = #""rope_type": "yarn", "factor": 4, "original_max_position_embeddings": 256"#

  @Test func settingsNestedByLayerTypeAreRead() throws {
    let nested = try configuration([
      "rope_theta": nil,
      "rope_parameters": #"{"full_attention": {\#(Self.yarn), "rope_theta": 5000000}}"#,
    ])
    #expect(nested.rope.theta == 5_000_000 && nested.rope.yarn?.factor == 4)
    let beside = try configuration([
      "rope_theta": nil,
      "rope_parameters":
        #"{"sliding_attention": {"rope_theta": 1e4}, "full_attention": {"rope_theta": 2e6}}"#,
    ])
    #expect(beside.rope == RopeParameters(theta: 2_000_000))
    #expect(
      refusal(["rope_parameters": #"{"sliding_attention": {"rope_theta": 1e4}}"#])
        == "expected an object as rope_parameters.full_attention in the model's configuration, found none; "
        + "use the config.json that was published with the weights")
    #expect(
      refusal(["rope_parameters": #"{"full_attention": {"attn_factor": 1.2, \#(Self.yarn)}}"#])
        .contains("rope_parameters.full_attention.attn_factor = 1.2"))
  }

  @Test func settingsThatContradictEachOtherAreNamed() {
    #expect(
      refusal(["rope_theta": "10000", "rope_parameters": #"{"rope_theta": 1000000}"#])
        == "expected 10000.0, equal to the outer rope_theta, as rope_parameters.rope_theta in the model's configuration, "
        + "found 1000000.0; correct it or use the config.json that was published with the weights")
    #expect(
      refusal(["rope_scaling": "{\(Self.yarn)}", "rope_parameters": #"{"rope_theta": 1000000}"#])
        .contains("expected the same as rope_scaling, or only one of the two as rope_parameters"))
    #expect(
      refusal(["rope_scaling": #"{"type": "linear", "rope_type": "yarn", "factor": 2}"#])
        .contains(#"expected "yarn", the rope_type next to it, as rope_scaling.type"#))
    #expect(
      refusal(["original_max_position_embeddings": "64", "rope_scaling": "{\(Self.yarn)}"])
        .contains("64, equal to the outer original_max_position_embeddings,"))
  }

  @Test func equalSettingsInTwoPlacesAreOne() throws {
    let twice = try configuration([
      "rope_theta": "1000000.0", "rope_scaling": "{\(Self.yarn)}",
      "rope_parameters": "{\(Self.yarn), \"rope_theta\": 1000000}",
    ])
    #expect(twice.rope.yarn?.factor == 4)
  }

  @Test(arguments: [
    ("yarn", "attn_factor", "1.0"), ("yarn", "extrapolation_factor", "1"), ("yarn", "finetuned", "true"),
    ("yarn", "short_factor", "[1]"), ("default", "factor", "4.0"),
    ("default", "mrope_section", "[16, 24, 24]"),
    ("default", "mrope_interleaved", "true"), ("linear", "beta_fast", "32"),
    ("llama3", "attention_factor", "1"),
  ])
  func unknownSettingsAreRefusedByName(type: String, key: String, value: String) {
    let known = [
      "yarn": Self.yarn, "default": #""rope_type": "default""#,
      "linear": #""rope_type": "linear", "factor": 2"#,
      "llama3": #""rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4"#,
    ]
    let settings = known[type] ?? ""
    #expect(refusal(["rope_scaling": "{\(settings)}"]) == "accepted")
    #expect(refusal(["rope_scaling": #"{\#(settings), "\#(key)": null}"#]) == "accepted")
    let sentence = refusal(["rope_scaling": #"{\#(settings), "\#(key)": \#(value)}"#])
    #expect(
      sentence.hasPrefix("expected a dense Qwen3 model with no \(key) in rope settings of type \"\(type)\""))
    #expect(sentence.contains("found rope_scaling.\(key) = "))
  }

  @Test func scalingsSurviveWritingAndReading() throws {
    for settings in [
      #"{"rope_type": "linear", "factor": 2.5}"#,
      #"{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4, "original_max_position_embeddings": 512}"#,
    ] {
      let model = try configuration(["rope_scaling": settings])
      #expect(model.rope.scaling != .none)
      #expect(try ModelConfiguration(json: model.json) == model)
    }
  }

  /// A context of 2^44 positions would overflow the 32 bits of a position.
  @Test func aStretchedContextIsBounded() throws {
    let model = try configuration([
      "max_position_embeddings": "1073741824", "rope_scaling": #"{"rope_type": "yarn", "factor": 10000}"#,
    ])
    #expect(model.contextPositions == 1 << 30)
  }
}

/// Fields of relatives of Qwen3 that change what a model computes.
@Suite struct SupportedModelTests {
  private func refusal(_ field: String, _ text: String) throws -> String {
    var checkpoint = TinyCheckpoint()
    checkpoint.configurationMembers = [field: text]
    do {
      _ = try ModelConfiguration(json: JSONValue.parse(Array(checkpoint.configurationText.utf8)))
      return "accepted"
    } catch let error as ModelError {
      return error.description
    }
  }

  @Test(arguments: [
    ("attention_bias", "true", "false"), ("mlp_bias", "true", "false"),
    ("partial_rotary_factor", "0.5", "1.0"),
    ("attn_logit_softcapping", "50.0", "null"), ("final_logit_softcapping", "30.0", "null"),
    ("logit_scale", "0.0625", "1"), ("embedding_multiplier", "12", "1.0"), ("is_causal", "false", "true"),
    ("use_qk_norm", "false", "true"), ("num_experts", "128", "0"), ("hidden_act", "\"gelu\"", "\"silu\""),
    ("attention_chunk_size", "8192", "null"), ("no_rope_layers", "[1, 0]", "null"),
  ])
  func fieldsThatChangeTheAnswerAreRefusedByName(field: String, bad: String, neutral: String) throws {
    let sentence = try refusal(field, bad)
    #expect(sentence.hasPrefix("expected a dense Qwen3 model with "))
    #expect(sentence.contains(", found \(field) = "))
    #expect(try refusal(field, neutral) == "accepted")
  }
}
