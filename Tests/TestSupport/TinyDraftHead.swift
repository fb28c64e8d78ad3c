/// A tiny random EAGLE-3 head for `TinyCheckpoint`, in the layout of published heads. Written out here on purpose: it has no
/// code in common with the reader.
///
///     var head = TinyDraftHead()
///     head.members["hidden_size"] = "128"
///     head.replace("fc.weight") { $0.shape = [64, 64] }
///     head.write(to: folder)
package struct TinyDraftHead {
  package static let hiddenSize = 64
  package static let targetVocabularySize = 320
  package static let draftVocabularySize = 96

  /// Members of config.json, as JSON texts.
  package var members: [String: String] = [
    "architectures": "[\"LlamaForCausalLMEagle3\"]", "model_type": "\"llama\"", "hidden_size": "64",
    "head_dim": "16", "intermediate_size": "96", "num_attention_heads": "4", "num_key_value_heads": "2",
    "num_hidden_layers": "1", "rms_norm_eps": "1e-05", "rope_theta": "5000.0",
    "max_position_embeddings": "512", "vocab_size": "320", "draft_vocab_size": "96",
    "eagle_config": "{\"eagle_aux_hidden_state_layer_ids\": [0, 0, 1]}",
  ]
  package var image = SafetensorsImage()

  package init() {
    var generator = SeededGenerator(seed: 8)
    let (width, count) = (Self.hiddenSize, Self.draftVocabularySize)
    let matrices = [
      ("fc.weight", width, 3 * width), ("midlayer.self_attn.q_proj.weight", 64, 2 * width),
      ("midlayer.self_attn.k_proj.weight", 32, 2 * width),
      ("midlayer.self_attn.v_proj.weight", 32, 2 * width),
      ("midlayer.self_attn.o_proj.weight", width, 64), ("midlayer.mlp.gate_proj.weight", 96, width),
      ("midlayer.mlp.up_proj.weight", 96, width), ("midlayer.mlp.down_proj.weight", width, 96),
      ("lm_head.weight", count, width),
    ]
    for (name, rows, columns) in matrices {
      image.add(
        name, shape: [rows, columns], element: "BF16", generator.gaussians(rows * columns, scale: 0.1))
    }
    for name in [
      "midlayer.input_layernorm.weight", "midlayer.hidden_norm.weight",
      "midlayer.post_attention_layernorm.weight", "norm.weight",
    ] {
      image.add(name, shape: [width], element: "BF16", [Float](repeating: 1, count: width))
    }
    // Draft token i stands for token 2 i.
    setDistances((0..<count).map(Int64.init))
    image.tensors.append(
      .init(
        name: "t2d", element: "BOOL", shape: [Self.targetVocabularySize],
        bytes: (0..<Self.targetVocabularySize).map { $0 % 2 == 0 && $0 < 2 * count ? 1 : 0 }))
  }

  /// Sets the map from draft tokens to the target's.
  package mutating func setDistances(_ distances: [Int64]) {
    remove("d2t")
    image.tensors.append(
      .init(
        name: "d2t", element: "I64", shape: [distances.count],
        bytes: distances.flatMap { value in withUnsafeBytes(of: value.littleEndian) { Array($0) } }))
  }

  package mutating func remove(_ name: String) { image.tensors.removeAll { $0.name == name } }

  /// Changes a tensor; its bytes are cut or filled up to its shape and type.
  package mutating func replace(_ name: String, _ change: (inout SafetensorsImage.Tensor) -> Void) {
    guard let index = image.tensors.firstIndex(where: { $0.name == name }) else {
      preconditionFailure("no tensor \(name)")
    }
    change(&image.tensors[index])
    let sizes = ["I64": 8, "I32": 4, "F32": 4, "BF16": 2, "F16": 2, "BOOL": 1, "U8": 1]
    let size = image.tensors[index].shape.reduce(sizes[image.tensors[index].element] ?? 1, *)
    let kept = image.tensors[index].bytes.prefix(size)
    image.tensors[index].bytes = Array(kept) + [UInt8](repeating: 0, count: size - kept.count)
  }

  /// Sets one value of a BF16 tensor.
  package mutating func set(_ value: Float, at index: Int, of name: String) {
    let bits = UInt16(value.bitPattern >> 16)
    replace(name) { ($0.bytes[2 * index], $0.bytes[2 * index + 1]) = (UInt8(bits & 255), UInt8(bits >> 8)) }
  }

  /// Multiplies all values of all BF16 tensors by a power of two.
  package mutating func scale(by exponent: Int) {
    for index in image.tensors.indices where image.tensors[index].element == "BF16" {
      let bytes = image.tensors[index].bytes
      let values = stride(from: 0, to: bytes.count, by: 2).map {
        let bits = UInt32(bytes[$0]) << 16 | UInt32(bytes[$0 + 1]) << 24
        return Float(sign: .plus, exponent: exponent, significand: Float(bitPattern: bits))
      }
      image.tensors[index].bytes = SafetensorsImage.encode(values, as: "BF16")
    }
  }

  package var configurationText: String {
    "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",\n ")
      + "}\n"
  }

  package func write(to folder: TemporaryFolder) {
    folder.write(configurationText.utf8, to: "config.json")
    folder.write(image.bytes, to: "model.safetensors")
  }
}
