import Foundation

/// A tiny random checkpoint in the exact layout of Qwen3's files: config.json, safetensors (one file or
/// sharded with an index), generation_config.json and a byte-level tokenizer. Equal values give equal bytes.
///
///     let folder = TemporaryFolder()
///     TinyCheckpoint(layerCount: 3, tiesEmbeddings: true).write(to: folder)
package struct TinyCheckpoint: Sendable {
  package var vocabularySize = 320
  package var hiddenSize = 64
  package var intermediateSize = 128
  package var layerCount = 2
  package var queryHeadCount = 4
  package var keyValueHeadCount = 2
  package var headSize = 32
  package var maximumPositions = 1024
  package var tiesEmbeddings = false
  package var element = "BF16"
  package var shardCount = 1
  package var seed: UInt64 = 1
  /// Members that replace or extend those of config.json, as JSON texts: `["attention_bias": "true"]`.
  package var configurationMembers: [String: String] = [:]

  package init(
    vocabularySize: Int = 320, hiddenSize: Int = 64, intermediateSize: Int = 128, layerCount: Int = 2,
    queryHeadCount: Int = 4, keyValueHeadCount: Int = 2, headSize: Int = 32, tiesEmbeddings: Bool = false,
    element: String = "BF16", shardCount: Int = 1, seed: UInt64 = 1
  ) {
    self.vocabularySize = vocabularySize
    self.hiddenSize = hiddenSize
    self.intermediateSize = intermediateSize
    self.layerCount = layerCount
    self.queryHeadCount = queryHeadCount
    self.keyValueHeadCount = keyValueHeadCount
    self.headSize = headSize
    self.tiesEmbeddings = tiesEmbeddings
    self.element = element
    self.shardCount = shardCount
    self.seed = seed
  }

  /// Every tensor's name and shape, in file order. Written out here on purpose: tests compare names with it.
  package var tensorShapes: [(name: String, shape: [Int])] {
    let queryWidth = queryHeadCount * headSize
    let keyValueWidth = keyValueHeadCount * headSize
    var shapes: [(String, [Int])] = [("model.embed_tokens.weight", [vocabularySize, hiddenSize])]
    for layer in 0..<layerCount {
      let prefix = "model.layers.\(layer)."
      shapes += [
        (prefix + "self_attn.q_proj.weight", [queryWidth, hiddenSize]),
        (prefix + "self_attn.k_proj.weight", [keyValueWidth, hiddenSize]),
        (prefix + "self_attn.v_proj.weight", [keyValueWidth, hiddenSize]),
        (prefix + "self_attn.o_proj.weight", [hiddenSize, queryWidth]),
        (prefix + "self_attn.q_norm.weight", [headSize]),
        (prefix + "self_attn.k_norm.weight", [headSize]),
        (prefix + "mlp.gate_proj.weight", [intermediateSize, hiddenSize]),
        (prefix + "mlp.up_proj.weight", [intermediateSize, hiddenSize]),
        (prefix + "mlp.down_proj.weight", [hiddenSize, intermediateSize]),
        (prefix + "input_layernorm.weight", [hiddenSize]),
        (prefix + "post_attention_layernorm.weight", [hiddenSize]),
      ]
    }
    shapes.append(("model.norm.weight", [hiddenSize]))
    if !tiesEmbeddings { shapes.append(("lm_head.weight", [vocabularySize, hiddenSize])) }
    return shapes
  }

  /// One tensor's values: norms near one, embeddings of unit spread, projections of spread 1.5/√inputs.
  package func values(of name: String, shape: [Int]) -> [Float] {
    var generator = SeededGenerator(seed: name.utf8.reduce(seed) { ($0 &* 1_099_511_628_211) ^ UInt64($1) })
    let count = shape.reduce(1, *)
    if name.contains("norm") { return generator.gaussians(count, scale: 0.3).map { $0 + 1 } }
    if name.contains("embed") { return generator.gaussians(count, scale: tiesEmbeddings ? 0.25 : 1) }
    return generator.gaussians(count, scale: 1.5 / Float(shape[1]).squareRoot())
  }

  /// The text of config.json.
  package var configurationText: String {
    var members: [(String, String)] = [
      ("architectures", "[\"Qwen3ForCausalLM\"]"), ("attention_bias", "false"),
      ("attention_dropout", "0.0"), ("bos_token_id", "\(TinyTokenizer.endOfText)"),
      ("eos_token_id", "\(TinyTokenizer.endOfTurn)"), ("head_dim", "\(headSize)"),
      ("hidden_act", "\"silu\""), ("hidden_size", "\(hiddenSize)"),
      ("intermediate_size", "\(intermediateSize)"), ("max_position_embeddings", "\(maximumPositions)"),
      ("model_type", "\"qwen3\""), ("num_attention_heads", "\(queryHeadCount)"),
      ("num_hidden_layers", "\(layerCount)"), ("num_key_value_heads", "\(keyValueHeadCount)"),
      ("rms_norm_eps", "1e-06"), ("rope_scaling", "null"), ("rope_theta", "1000000"),
      ("sliding_window", "null"), ("tie_word_embeddings", "\(tiesEmbeddings)"),
      ("torch_dtype", "\"bfloat16\""), ("use_sliding_window", "false"), ("vocab_size", "\(vocabularySize)"),
    ]
    for (name, text) in configurationMembers.sorted(by: { $0.key < $1.key }) {
      members.removeAll { $0.0 == name }
      members.append((name, text))
    }
    return "{" + members.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ",\n ") + "}\n"
  }

  /// Write all files into `folder`.
  package func write(to folder: TemporaryFolder) {
    write(to: folder, extraTokens: []) { values(of: $0, shape: $1) }
  }

  /// Write all files into `folder`, with extra tokens (see ``TinyTokenizer``) and weights of the caller's.
  package func write(
    to folder: TemporaryFolder, extraTokens: [String], values: (_ name: String, _ shape: [Int]) -> [Float]
  ) {
    folder.write(configurationText.utf8, to: "config.json")
    folder.write(
      "{\"do_sample\": true, \"eos_token_id\": [\(TinyTokenizer.endOfTurn), \(TinyTokenizer.endOfText)]}"
        .utf8,
      to: "generation_config.json")
    TinyTokenizer.write(to: folder, extraTokens: extraTokens)
    let names = tensorShapes
    var weightMap: [String] = []
    for shard in 0..<shardCount {
      let file =
        shardCount == 1
        ? "model.safetensors" : "model-\(padded(shard + 1))-of-\(padded(shardCount)).safetensors"
      var image = SafetensorsImage()
      for (index, entry) in names.enumerated() where index % shardCount == shard {
        image.add(
          entry.name, shape: entry.shape, element: element, values(entry.name, entry.shape))
        weightMap.append("\"\(entry.name)\": \"\(file)\"")
      }
      folder.write(image.bytes, to: file)
    }
    if shardCount > 1 {
      let index = "{\"metadata\": {}, \"weight_map\": {" + weightMap.joined(separator: ", ") + "}}"
      folder.write(index.utf8, to: "model.safetensors.index.json")
    }
  }

  private func padded(_ number: Int) -> String {
    String(repeating: "0", count: 5 - String(number).count) + String(number)
  }
}
