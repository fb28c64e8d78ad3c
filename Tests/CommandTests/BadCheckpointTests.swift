import Foundation
import QuireJSON
import TestSupport
import Testing

/// Checkpoints whose files are missing, malformed or lie: every command refuses them in one sentence and leaves
/// nothing behind. The rooms' own tests hold the sentences to the letter.
@Suite struct BadCheckpointTests {
  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    /// What was expected, what was found, what to do.
    let parts: [String]
    let change: @Sendable (TemporaryFolder) throws -> Void

    init(_ name: String, _ parts: [String], _ change: @escaping @Sendable (TemporaryFolder) throws -> Void) {
      testDescription = name
      self.parts = parts
      self.change = change
    }

    /// Another value of a member of config.json; nil removes it.
    static func configuration(_ key: String, _ value: JSONValue?, _ parts: [String]) -> Damage {
      Damage("\(key) = \(value?.serialized() ?? "nothing")", parts) {
        try $0.edit("config.json") { $0[key] = value }
      }
    }

    /// Other contents of a file.
    static func text(_ name: String, _ text: String, _ parts: [String]) -> Damage {
      Damage("\(name): \(text.prefix(20))", parts) { $0.write(text.utf8, to: name) }
    }

    /// Another header entry of a tensor; nil removes it.
    static func header(
      _ name: String, _ tensor: String, _ parts: [String],
      _ change: @escaping @Sendable (JSONObject) -> JSONObject?
    ) -> Damage {
      Damage(name, parts) { folder in
        try folder.editHeader { header in
          header[tensor] = header[tensor]?.objectValue.flatMap(change).map(JSONValue.object)
        }
      }
    }
  }

  private static let again = "download the file again"
  private static let whole = "check that the whole checkpoint is there and readable"
  private static let norm = "model.norm.weight"
  private static let noConfiguration = [
    "expected a checkpoint folder with config.json and safetensors at",
    "found model.safetensors without config.json",
    "download the config.json that was published with the weights",
  ]

  static let configurations: [Damage] = [
    .init("no config.json", noConfiguration) {
      try $0.remove("config.json")
    },
    .init("config.json is a folder", ["expected to read", "found: it is a folder", whole]) {
      try $0.remove("config.json")
      try FileManager.default.createDirectory(
        atPath: $0.path + "/config.json", withIntermediateDirectories: false)
    },
    .init("config.json is a pipe", ["expected to read", "found: it is a pipe", whole]) {
      try $0.remove("config.json")
      #expect(mkfifo($0.path + "/config.json", 0o600) == 0)
    },
    .init("config.json is not UTF-8", ["expected UTF-8", "found an invalid byte", again]) {
      $0.write([0x7B, 0xFF, 0x7D], to: "config.json")
    },
    .text("config.json", "", ["expected valid JSON in", "found the end of the text", again]),
    .text("config.json", "{\"hidden_size\": 64,}", ["expected valid JSON in", "line 1, column 20", again]),
    .text("config.json", "[1]", ["expected a JSON object in", "found an array", again]),
    .text(
      "config.json", "{\"a\": 1, \"a\": 2}", ["expected valid JSON in", "\"a\" is already in this", again]),
    .text("config.json", String(repeating: "[", count: 100_000), ["nested at most 512 deep", again]),
    .text("generation_config.json", "{", ["expected valid JSON in", "generation_config.json", again]),
    .configuration("hidden_size", nil, ["expected an integer from 1", "as hidden_size", "found none"]),
    .configuration("hidden_size", "64", ["expected an integer from 1", "as hidden_size", "found \"64\""]),
    .configuration(
      "num_hidden_layers", 0, ["expected an integer from 1", "as num_hidden_layers", "found 0"]),
    .configuration(
      "num_hidden_layers", 9_223_372_036_854_775_807,
      ["expected an integer from 1 to", "as num_hidden_layers", "found 9223372036854775807"]),
    .configuration(
      "num_attention_heads", 5, ["expected a divisor of num_attention_heads = 5", "found 2"]),
    .configuration("head_dim", 33, ["expected an even integer", "found 33"]),
    .configuration("rms_norm_eps", -1, ["expected a number from", "found -1"]),
    .configuration("rope_scaling", ["type": "ntk"], ["\"ntk\"", "\"yarn\"", "choose another checkpoint"]),
    .configuration(
      "model_type", "qwen3_moe", ["\"qwen3_moe\"", "\"qwen3\"", "models with experts do not run"]),
    .configuration(
      "num_hidden_layers", 1_000_000_000_000, ["expected an integer from 1 to 4096", "found 1000000000000"]),
    .configuration("head_dim", 0, ["expected an integer from 2 to 1024 as head_dim", "found 0"]),
    .configuration("head_dim", -128, ["as head_dim", "found -128"]),
    .configuration("head_dim", 4_611_686_018_427_387_904, ["as head_dim", "found 4611686018427387904"]),
    .configuration("vocab_size", 1_099_511_627_776, ["as vocab_size", "found 1099511627776"]),
    .configuration("attention_bias", true, ["with attention_bias false", "found attention_bias = true"]),
    .configuration("partial_rotary_factor", 0.25, ["found partial_rotary_factor = 0.25"]),
    .configuration("attn_logit_softcapping", 50, ["found attn_logit_softcapping = 50"]),
    .configuration(
      "quantization_config", ["quant_method": "bitsandbytes"],
      [
        "with unquantized weights, or those of AWQ, GPTQ", "found quantization_config = \"bitsandbytes\"",
        "use the original checkpoint in bfloat16",
      ]),
    .configuration(
      "rope_scaling", ["rope_type": "yarn", "factor": 4, "attn_factor": 1.5],
      ["found rope_scaling.attn_factor = 1.5", "choose another checkpoint"]),
    .configuration(
      "rope_parameters", ["rope_theta": 5_000_000],
      ["expected 1000000.0, equal to the outer rope_theta,", "found 5000000.0"]),
    .configuration("vocab_size", 8, ["expected token ids below the vocabulary size 8 as eos_token_id"]),
  ]

  static let weights: [Damage] = [
    .init("no weights", ["expected model.safetensors or", "found none", "download the whole checkpoint"]) {
      try $0.remove("model.safetensors")
    },
    .init("the weights are a pipe", ["expected to read", "found: it is a pipe", whole]) {
      try $0.remove("model.safetensors")
      #expect(mkfifo($0.path + "/model.safetensors", 0o600) == 0)
    },
    .init("empty file", ["expected a safetensors header in", "found an empty file", again]) {
      $0.write([], to: "model.safetensors")
    },
    .init("a header of 2^64 bytes", ["of at most 100000000 bytes", "found a length of 184467440737", again]) {
      $0.write([UInt8](repeating: 255, count: 64), to: "model.safetensors")
    },
    .init("the last byte is missing", ["expected data_offsets within the file's", "found [", again]) {
      $0.write(try $0.bytes("model.safetensors").dropLast(), to: "model.safetensors")
    },
    .header("overlapping", norm, ["expected tensors that do not overlap", "inside another", again]) {
      var entry = $0
      entry["data_offsets"] = [0, 128]
      return entry
    },
    .header("a hole", norm, ["expected tensors without holes", "found 2 unused bytes", again]) {
      var entry = $0
      entry["data_offsets"] = .array(
        ($0["data_offsets"]?.arrayValue ?? []).compactMap(\.intValue).map { .int($0 + 2) })
      return entry
    },
    .header("out of range", norm, ["expected data_offsets within", "[1099511627776, 1099511627904]", again]) {
      var entry = $0
      entry["data_offsets"] = [1_099_511_627_776, 1_099_511_627_904]
      return entry
    },
    .header("an unknown type", norm, ["expected one of the types F64", "found \"Q4\"", again]) {
      var entry = $0
      entry["dtype"] = "Q4"
      return entry
    },
    .header(
      "a size of 2^62", "lm_head.weight",
      ["expected a shape that memory can hold", "4611686018427387904", again]
    ) {
      var entry = $0
      entry["shape"] = [4_611_686_018_427_387_904, 2]
      return entry
    },
    .init("a NaN in a norm", ["expected finite numbers in tensor \"\(norm)\"", "found a NaN", again]) {
      folder in
      // Where the tensor begins is taken from the header.
      let file = try folder.bytes("model.safetensors")
      let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
      let header = try JSONValue.parse(Array(file[8..<8 + length]))
      let start = 8 + length + (try #require(header[norm]?["data_offsets"]?.arrayValue?.first?.intValue))
      folder.write(file[..<start] + [0xC0, 0x7F] + file[(start + 2)...], to: "model.safetensors")
    },
    .init(
      "a bias that nobody reads", ["found biases (model.layers.0.self_attn.q_proj.bias)", "choose another"]
    ) {
      try $0.editHeader { header in
        header["model.layers.0.self_attn.q_proj.bias"] = [
          "dtype": "BF16", "shape": [0], "data_offsets": [0, 0],
        ]
      }
    },
    .header("integers", norm, ["as BF16, F16, F32 [64]", "found I16 [64]", "check that the weights"]) {
      var entry = $0
      entry["dtype"] = "I16"
      return entry
    },
    .header("another shape", norm, ["as BF16, F16, F32 [64]", "found BF16 [2, 32]", "check that the"]) {
      var entry = $0
      entry["shape"] = [2, 32]
      return entry
    },
    .init("a tensor of another name", ["expected tensor \"\(norm)\" in", "found none", "check that"]) {
      try $0.editHeader { header in
        header["model.norm.wight"] = header[norm]
        header[norm] = nil
      }
    },
  ]

  @Test(arguments: configurations + weights)
  func conversionAndAnswersRefuse(_ damage: Damage) throws {
    let place = Workplace()
    try damage.change(place.checkpoint)
    let model = place.checkpoint.path
    for words in [
      place.conversion(), ["generate", model, "--prompt", "x"],
      ["logits", model, "--tokens", "1", "--output", place.place("logits.safetensors")],
    ] {
      expectRefusal(try BuiltProgram.quire.run(words), by: words[0], damage.parts)
    }
    #expect(place.outputs == [])
  }

  static let shards: [Damage] = [
    .init("no shard", ["expected 2 shards with model-00002", "found none of that name", "one checkpoint"]) {
      try $0.remove("model-00002-of-00002.safetensors")
    },
    .text(indexName, "{", ["expected valid JSON in", indexName, again]),
    .text(
      indexName, "{\"weight_map\": 3}", ["expected a \"weight_map\" of tensors", "found a number", again]),
    .text(
      indexName, "{\"weight_map\": {\"t\": \"../model.safetensors\"}}",
      ["expected the path of a file within the same folder", "found \"../model.safetensors\"", again]),
    .init("a tensor in another shard", ["expected tensor", "found it in model-0000", "one checkpoint"]) {
      try $0.edit(indexName) { index in
        var map = index["weight_map"]?.objectValue ?? JSONObject()
        map[norm] =
          map[norm] == "model-00001-of-00002.safetensors"
          ? "model-00002-of-00002.safetensors" : "model-00001-of-00002.safetensors"
        index["weight_map"] = .object(map)
      }
    },
  ]
  private static let indexName = "model.safetensors.index.json"

  @Test(arguments: shards)
  func shardsThatDoNotBelongTogether(_ damage: Damage) throws {
    let place = Workplace(TinyCheckpoint(shardCount: 2))
    try damage.change(place.checkpoint)
    for words in [place.conversion(), ["inspect", place.checkpoint.path]] {
      expectRefusal(try BuiltProgram.quire.run(words), by: words[0], damage.parts)
    }
    #expect(place.outputs == [])
  }

  static let tokenizers: [Damage] = [
    .init("no tokenizer.json", ["expected to read", "found: no such file or directory", whole]) {
      try $0.remove("tokenizer.json")
    },
    .init("tokenizer.json is a pipe", ["expected to read", "tokenizer.json, found: ", whole]) {
      try $0.remove("tokenizer.json")
      #expect(mkfifo($0.path + "/tokenizer.json", 0o600) == 0)
    },
    .text("tokenizer.json", "{\"model\"", ["expected valid JSON in", "found the end of the text", again]),
    .text("tokenizer.json", "[]", ["expected an object", "found an array", "from the original checkpoint"]),
    .text("tokenizer_config.json", "nonsense", ["expected valid JSON", "found the word nonsense", again]),
    .init("another kind of model", ["expected \"BPE\"", "found \"Unigram\"", "only tokenizers of Qwen"]) {
      try $0.editModel { $0["type"] = "Unigram" }
    },
    .init("no vocabulary", ["expected an object of tokens", "found nothing", "from the original checkpoint"])
    {
      try $0.editModel { $0["vocab"] = nil }
    },
    .init("one id twice", ["id 1", "two tokens have it", "at most one token"]) {
      try $0.editModel { model in
        var vocabulary = model["vocab"]?.objectValue ?? JSONObject()
        vocabulary["!"] = 1
        model["vocab"] = .object(vocabulary)
      }
    },
    .init("a merge of unknown parts", ["model.merges[0]", "not in", "from the original checkpoint"]) {
      try $0.editModel { $0["merges"] = [["xyz", "zyx"]] }
    },
  ]

  @Test(arguments: tokenizers)
  func everyCommandThatReadsTextRefuses(_ damage: Damage) throws {
    let place = Workplace()
    try damage.change(place.checkpoint)
    let messages = TemporaryFolder().write(#"{"messages":[{"role":"user","content":"x"}]}"#.utf8, to: "m")
    for words in [
      place.conversion(), ["generate", place.checkpoint.path, "--prompt", "x"],
      ["tokenize", place.checkpoint.path], ["render", place.checkpoint.path, "--messages", messages],
    ] {
      expectRefusal(try BuiltProgram.quire.run(words), by: words[0], damage.parts)
    }
    #expect(place.outputs == [])
  }

  @Test func allCommandsRefuseAlike() throws {
    let place = Workplace()
    try place.checkpoint.remove("config.json")
    let model = place.checkpoint.path
    for words in [
      ["inspect", model, "--json"], ["chat", model], ["serve", model, "--port", "0"], ["bench", model],
      [
        "evaluate", model, "--text", Workplace.demo + "/../heldout.txt", "--tasks",
        Workplace.demo + "/../tasks.jsonl",
      ],
    ] {
      expectRefusal(
        try BuiltProgram.quire.run(words + (words[0] == "inspect" ? [] : ["--quiet"])), by: words[0],
        Self.noConfiguration)
    }
  }

  /// A weight that is not a number is found in the middle of a conversion: the pack that was there stays.
  @Test func aFailedConversionLeavesTheOldPackAlone() throws {
    let place = Workplace()
    let pack = try place.pack()
    let before = try Data(contentsOf: URL(fileURLWithPath: pack))
    var weights = try place.checkpoint.bytes("model.safetensors")
    // The last tensor of the file is the head, which is converted last.
    weights.replaceSubrange(weights.count - 2..<weights.count, with: [0xC0, 0x7F])
    place.checkpoint.write(weights, to: "model.safetensors")
    expectRefusal(
      try BuiltProgram.quire.run(place.conversion() + ["--force"]), by: "convert",
      [
        "expected finite numbers in tensor \"lm_head.weight\"", "found a NaN or an infinity",
        "download the file again",
      ])
    #expect(try Data(contentsOf: URL(fileURLWithPath: pack)) == before)
    #expect(place.outputs == ["out.quire"])
  }
}

extension TemporaryFolder {
  /// Rewrites the member "model" of tokenizer.json.
  fileprivate func editModel(_ change: (inout JSONObject) -> Void) throws {
    try edit("tokenizer.json") { file in
      var model = file["model"]?.objectValue ?? JSONObject()
      change(&model)
      file["model"] = .object(model)
    }
  }
}
