import QuireCheckpoints
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Checkpoints that store more, or something else, than config.json says.
@Suite struct UnreadTensorsTests {
  /// A tiny checkpoint with further tensors of one element each.
  private func loader(
    _ tensors: [String], element: String = "BF16", ties: Bool = false,
    change: (inout SafetensorsImage) -> Void = { _ in }
  ) throws -> LayerLoader {
    let folder = TemporaryFolder()
    let checkpoint = TinyCheckpoint(layerCount: 1, tiesEmbeddings: ties)
    checkpoint.write(to: folder)
    var image = SafetensorsImage()
    for entry in checkpoint.tensorShapes {
      let values = checkpoint.values(of: entry.name, shape: entry.shape)
      image.add(entry.name, shape: entry.shape, element: "BF16", values)
    }
    for name in tensors {
      image.tensors.append(.init(name: name, element: element, shape: [2], bytes: [0, 0, 0, 0]))
    }
    change(&image)
    folder.write(image.bytes, to: "model.safetensors")
    return try LayerLoader(Checkpoint(path: folder.path))
  }

  @Test(arguments: [
    ("model.layers.0.self_attn.q_proj.bias", "biases", "choose another checkpoint"),
    ("model.layers.0.mlp.down_proj.bias", "biases", "choose another checkpoint"),
    ("lm_head.bias", "biases", "choose another checkpoint"),
    (
      "model.layers.0.self_attn.q_proj.lora_A.default.weight", "an adapter that was not merged",
      "merge it into"
    ),
    (
      "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight", "an adapter that was not merged",
      "merge it into"
    ),
    ("model.layers.0.mlp.up_proj.lora_magnitude_vector", "an adapter that was not merged", "merge it into"),
    ("lm_head.modules_to_save.default.weight", "an adapter that was not merged", "merge it into"),
    ("model.layers.0.mlp.up_proj.base_layer.weight", "an adapter that was not merged", "merge it into"),
    ("model.layers.0.mlp.up_proj.qweight", "quantized weights", "use the original checkpoint in bfloat16"),
    ("model.layers.0.mlp.up_proj.weight_scale_inv", "quantized weights", "use the original checkpoint"),
    ("model.layers.0.mlp.up_proj.weight_packed", "quantized weights", "use the original checkpoint"),
    ("model.layers.0.mlp.up_proj.weight.absmax", "quantized weights", "use the original checkpoint"),
    ("model.layers.0.mlp.up_proj.biases", "quantized weights", "use the original checkpoint"),
  ])
  func whatWouldChangeTheModelIsRefusedByName(name: String, what: String, advice: String) {
    let error = #expect(throws: ModelError.self) { try loader([name]) }
    #expect(
      error?.description.hasPrefix(
        "expected only the tensors of a dense Qwen3 model, found \(what) (\(name)); \(advice)") == true)
  }

  @Test func othersAreListedOnce() throws {
    #expect(try loader([]).notices == [])
    #expect(
      try loader(["model.rotary_emb.inv_freq"]).notices
        == ["1 tensor of the checkpoint is not used: model.rotary_emb.inv_freq"])
    let many = (1...5).map { "model.layers.\($0).mlp.up_proj.weight" } + ["value_head.bias"]
    #expect(
      try loader(many).notices == [
        "6 tensors of the checkpoint are not used: model.layers.1.mlp.up_proj.weight, "
          + "model.layers.2.mlp.up_proj.weight, model.layers.3.mlp.up_proj.weight and 3 more"
      ])
  }

  @Test func eightBitFloatsAreNamed() {
    let error = #expect(throws: ModelError.self) {
      try loader([]) { image in
        for index in image.tensors.indices where image.tensors[index].name.contains("up_proj") {
          image.tensors[index].element = "F8_E4M3"
          image.tensors[index].bytes = Array(
            image.tensors[index].bytes.prefix(image.tensors[index].bytes.count / 2))
        }
      }
    }
    #expect(
      error?.description
        == "expected only the tensors of a dense Qwen3 model, found 8-bit floats (FP8) in "
        + "model.layers.0.mlp.up_proj.weight; use the original checkpoint in bfloat16, which Quire quantizes itself"
    )
  }

  @Test func aHeadThatDiffersFromTheTiedEmbeddingIsUsed() throws {
    let checkpoint = TinyCheckpoint(layerCount: 1, tiesEmbeddings: true)
    let shape = [checkpoint.vocabularySize, checkpoint.hiddenSize]
    let embedding = checkpoint.values(of: "model.embed_tokens.weight", shape: shape)
    let equal = try loader([], ties: true) {
      $0.add("lm_head.weight", shape: shape, element: "BF16", embedding)
    }
    #expect(equal.configuration.tiesEmbeddings && equal.notices == [])
    var other = embedding
    other[shape[0] * shape[1] - 1] += 1
    let different = try loader([], ties: true) {
      $0.add("lm_head.weight", shape: shape, element: "BF16", other)
    }
    #expect(!different.configuration.tiesEmbeddings)
    #expect(
      different.notices == [
        "tie_word_embeddings is true, but the stored lm_head.weight differs from the embedding and is used, "
          + "as in transformers"
      ])
    #expect(
      try Model(different).head.dequantized(kernels: .init(.portable)).elements == other.map(Self.rounded))
  }

  private static func rounded(_ value: Float) -> Float {
    Float(bitPattern: UInt32(SafetensorsImage.bfloat16Bits(value)) << 16)
  }
}
