import QuireJSON
import TestSupport
import Testing

import QuireCheckpoints

/// Headers of GGUF files, well-formed and not.
@Suite struct GGUFHeaderTests {
  private let folder = TemporaryFolder()

  private func open(_ forge: GGUFForge) throws -> Checkpoint {
    try Checkpoint(path: folder.write(forge.bytes, to: "model.gguf"))
  }

  /// The refusal's sentence.
  private func refusal(_ change: (inout GGUFForge) -> Void) -> String {
    var forge = GGUFForge.model()
    change(&forge)
    let error = #expect(throws: CheckpointError.self) { try open(forge) }
    return error?.description ?? ""
  }

  @Test func metadataBecomesAConfiguration() throws {
    var forge = GGUFForge.model()
    forge.set("general.sampling.temp", .float(0.6))
    let checkpoint = try open(forge)
    let json = checkpoint.configuration
    #expect(json["hidden_size"] == 32 && json["head_dim"] == 16 && json["tie_word_embeddings"] == true)
    #expect(json["num_key_value_heads"] == 1 && json["vocab_size"] == 4 && json["eos_token_id"] == 2)
    #expect(json["rms_norm_eps"]?.doubleValue == 1e-6 && json["rope_theta"]?.doubleValue == 1e6)
    #expect(checkpoint.generationConfiguration?["temperature"]?.doubleValue == 0.6)
    #expect(checkpoint.record("model.layers.0.mlp.down_proj.weight")?.shape == [32, 64])
    let tokens = try #require(checkpoint.tokens)
    #expect(tokens.vocabulary == ["a", "b"] && tokens.count == 4 && tokens.merges == [])
    #expect(tokens.added.map(\.text) == ["<|im_end|>"] && tokens.added[0].isSpecial)
    #expect(tokens.configuration["eos_token"] == "<|im_end|>")
  }

  @Test(
    arguments: [
      (
        [("temp", 0.6), ("penalty_repeat", 1.5)],
        ["temperature": 0.6, "repetition_penalty": 1.5, "do_sample": true]
      ),
      ([("temp", 0)], ["do_sample": false]), ([("min_p", 0.25)], ["min_p": 0.25, "do_sample": true]),
    ] as [([(String, Float)], [String: JSONValue])])
  func samplingIsRead(_ keys: [(String, Float)], _ expected: [String: JSONValue]) throws {
    var forge = GGUFForge.model()
    for (key, value) in keys { forge.set("general.sampling.\(key)", .float(value)) }
    let found = try #require(try open(forge).generationConfiguration?.objectValue)
    #expect(found.members.count == expected.count)
    for (name, value) in expected {
      #expect(
        found[name]?.boolValue == value.boolValue && found[name]?.doubleValue == value.doubleValue, "\(name)")
    }
  }

  @Test func version2AndOtherAlignmentsAreRead() throws {
    var forge = GGUFForge.model()
    forge.version = 2
    forge.set("general.alignment", .uint32(64))
    forge.alignment = 64
    #expect(try open(forge).tensorNames.count == 13)
  }

  @Test func malformedHeadersAreRefused() {
    #expect(
      refusal { $0.version = 1 }.contains("version 2 or 3 at \(folder.path)/model.gguf, found version 1"))
    #expect(refusal { $0.version = 3 << 24 }.contains("found a big-endian one"))
    #expect(refusal { $0.tensorCount = 1 << 60 }.contains("counts of 1152921504606846976 and 17"))
    #expect(refusal { $0.tensorCount = 14 }.contains("found"))
    #expect(refusal { $0.fieldCount = .max }.contains("that fit into"))
    #expect(refusal { $0.fields.append($0.fields[1]) }.contains("found \"qwen3.block_count\" twice"))
    #expect(refusal { $0.tensors[2].name = $0.tensors[1].name }.contains("\"blk.0.attn_norm.weight\" twice"))
    #expect(refusal { $0.tensors[2].offset = 0 }.contains("tensors that do not overlap"))
    #expect(refusal { $0.tensors[2].offset = 33 }.contains("that is a multiple of 32"))
    #expect(refusal { $0.tensors[2].offset = 1 << 63 }.contains("within the file's"))
    #expect(refusal { $0.tensors[2].sizes = [1 << 62, 1 << 62] }.contains("within the file's"))
    #expect(refusal { $0.tensors[2].sizes = [0, 4] }.contains("sizes from 1 to 2^63"))
    #expect(refusal { $0.tensors[2].sizes = [] }.contains("1 to 4 dimensions"))
    #expect(refusal { $0.tensors[2].sizes = [1, 1, 1, 1, 1] }.contains("1 to 4 dimensions"))
    #expect(
      refusal {
        $0.tensors[2].type = 2; $0.tensors[2].sizes = [31, 4]
      }.contains("whole blocks of 32"))
    #expect(
      refusal { $0.set("general.alignment", .uint32(48)) }.contains("a power of two as general.alignment"))
    #expect(refusal { $0.set("x", .raw(13, [])) }.contains("a type from 0 to 12"))
    #expect(
      refusal { $0.set("x", .raw(9, GGUFForge.number(UInt32(9)) + GGUFForge.number(UInt64(1)))) }
        .contains("a list of lists"))
    #expect(
      refusal { $0.set("x", .raw(9, GGUFForge.number(UInt32(8)) + GGUFForge.number(UInt64.max))) }
        .contains("that fits into"))
    #expect(
      refusal { $0.set("x", .raw(8, GGUFForge.number(UInt64(1) << 40))) }.contains(
        "a length of 1099511627776"))
  }

  @Test func everyTruncationIsRefused() throws {
    let forge = GGUFForge.model()
    let header = forge.header
    for count in stride(from: 4, to: header.count, by: 41) {
      let path = folder.write(header.prefix(count), to: "short.gguf")
      #expect(throws: CheckpointError.self) { try Checkpoint(path: path) }
    }
    let path = folder.write(forge.bytes.dropLast(100), to: "short.gguf")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: path) }
    #expect(
      error?.description.contains("tensor \"output_norm.weight\" of F32 [32] within the file's") == true)
  }

  /// As llama.cpp reads them: a factor without a type is linear, and there is an older name of it.
  @Test(arguments: ["qwen3.rope.scaling.factor", "qwen3.rope.scale_linear"])
  func aFactorOfRopeWithoutATypeIsLinear(_ key: String) throws {
    var forge = GGUFForge.model()
    forge.set(key, .float(4))
    let checkpoint = try Checkpoint(path: folder.write(forge.bytes, to: "model.gguf"))
    #expect(checkpoint.configuration["rope_scaling"] == ["rope_type": "linear", "factor": 4.0])
    forge.set("qwen3.rope.scaling.type", .text("none"))
    let unscaled = try Checkpoint(path: folder.write(forge.bytes, to: "model.gguf"))
    #expect(unscaled.configuration["rope_scaling"]?.isNull ?? true)
  }

  @Test func otherModelsAreRefused() {
    #expect(
      refusal { $0.set("general.architecture", .text("qwen3moe")) }
        .contains(
          "expected a GGUF file of architecture qwen3 at \(folder.path)/model.gguf, found architecture qwen3moe;"
        ))
    #expect(refusal { $0.set("general.architecture", nil) }.contains("found no architecture"))
    #expect(refusal { $0.set("general.type", .text("adapter")) }.contains("found one of type adapter"))
    #expect(refusal { $0.tensors[2].type = 16 }.contains("found tensor \"blk.0.attn_q.weight\" in IQ2_XXS;"))
    #expect(refusal { $0.set("tokenizer.ggml.pre", .text("llama-bpe")) }.contains("found \"llama-bpe\";"))
    #expect(
      refusal { $0.set("tokenizer.ggml.model", .text("llama")) }.contains("tokenizer.ggml.model \"gpt2\""))
    #expect(refusal { $0.set("tokenizer.ggml.token_type", .numbers([1])) }.contains("4 kinds"))
    #expect(
      refusal { $0.set("tokenizer.ggml.token_type", .numbers([3, 1, 1, 1])) }
        .contains("found a normal token with the id 3"))
    #expect(
      refusal { $0.set("tokenizer.ggml.add_bos_token", .bool(true)) }.contains(
        "as tokenizer.ggml.bos_token_id"))
    #expect(refusal { $0.set("qwen3.attention.sliding_window", .uint32(128)) }.contains("found 128"))
    #expect(refusal { $0.set("qwen3.attention.value_length", .uint32(8)) }.contains("16, the size of a head"))
    #expect(refusal { $0.set("qwen3.rope.scaling.type", .text("longrope")) }.contains("none, linear or yarn"))
    #expect(refusal { $0.set("qwen3.block_count", nil) }.contains("as qwen3.block_count"))
    #expect(refusal { $0.set("qwen3.block_count", .text("1")) }.contains("found \"1\""))
  }

  @Test func namesTranslateBothWays() {
    for name in [
      "token_embd.weight", "output.weight", "output_norm.weight", "blk.12.ffn_down.weight",
      "blk.0.attn_q.bias",
    ] {
      #expect(GGUFNames.checkpointName(name) != name)
      #expect(GGUFNames.ggufName(GGUFNames.checkpointName(name)) == name)
    }
    #expect(GGUFNames.checkpointName("blk.3.attn_q.weight") == "model.layers.3.self_attn.q_proj.weight")
    for name in ["blk.03.attn_q.weight", "blk.-1.attn_q.weight", "rope_freqs.weight", "x", ""] {
      #expect(GGUFNames.checkpointName(name) == name)
    }
  }
}
