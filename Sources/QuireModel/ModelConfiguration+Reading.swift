package import QuireJSON

extension ModelConfiguration {
  /// Larger sizes are invalid; the limits also keep every product of sizes within Int.
  static let sizes = 1...1_048_576
  static let vocabularySizes = 1...16_777_216
  static let layerCounts = 1...4096
  static let headCounts = 1...4096
  static let headSizes = 2...1024
  /// Positions are 32-bit integers.
  static let positionsMax = 1 << 30

  /// Reads a config.json. Fields that Qwen3's configuration class gives a default may be absent: head_dim 128,
  /// rope_theta 10000, rms_norm_eps 1e-6, max_position_embeddings 32768, tie_word_embeddings false. A null head_dim
  /// means hidden size / query heads. Throws ModelError when a field is missing, malformed or describes a model
  /// that Quire does not run.
  package init(json: JSONValue) throws(ModelError) {
    let fields = try ConfigurationFields(json)
    try SupportedModel.check(fields)
    let vocabularySize = try fields.integer("vocab_size", in: Self.vocabularySizes)
    let layers = try Self.layers(fields)
    let maximumPositions =
      try fields.optionalInteger("max_position_embeddings", in: 1...Self.positionsMax) ?? 32768
    self.init(
      hiddenSize: try fields.integer("hidden_size", in: Self.sizes),
      headSize: try Self.headSize(fields),
      vocabularySize: vocabularySize,
      rmsNormEpsilon: Float(try fields.optionalNumber("rms_norm_eps", in: 1e-12...1) ?? 1e-6),
      rope: try RopeParameters(fields, maximumPositions: maximumPositions),
      tiesEmbeddings: try fields.optionalBool("tie_word_embeddings") ?? false,
      maximumPositions: maximumPositions,
      beginOfSequenceID: try Self.beginOfSequenceID(fields, vocabularySize: vocabularySize),
      endOfSequenceIDs: try Self.endOfSequenceIDs(fields, vocabularySize: vocabularySize),
      layers: layers)
  }

  private static func headSize(_ fields: ConfigurationFields) throws(ModelError) -> Int {
    if let headSize = try fields.optionalInteger("head_dim", in: headSizes) {
      if headSize % 2 != 0 { throw fields.invalid("head_dim", expected: "an even integer", .int(headSize)) }
      return headSize
    }
    if fields.members["head_dim"] == nil { return 128 }
    let hiddenSize = try fields.integer("hidden_size", in: sizes)
    let headCount = try fields.integer("num_attention_heads", in: headCounts)
    let headSize = hiddenSize / headCount
    guard headSizes.contains(headSize), headSize % 2 == 0 else {
      throw fields.invalid("head_dim", expected: "an even integer from 2 to 1024", .null)
    }
    return headSize
  }

  /// Fine-tunes with a smaller vocabulary may still name the token of the original one. It is used by exports only, so that
  /// an id outside of the vocabulary counts as absent.
  private static func beginOfSequenceID(
    _ fields: ConfigurationFields, vocabularySize: Int
  ) throws(ModelError) -> Int32? {
    guard let id = try fields.optionalInteger("bos_token_id", in: 0...Int(Int32.max)), id < vocabularySize
    else { return nil }
    // bounded: below the vocabulary size, which fits 32 bits
    return Int32(id)
  }

  private static func endOfSequenceIDs(
    _ fields: ConfigurationFields, vocabularySize: Int
  ) throws(ModelError) -> [Int32] {
    guard let value = fields.value("eos_token_id") else { return [] }
    var ids: [Int32] = []
    for item in value.arrayValue ?? [value] {
      guard let id = item.intValue, (0..<vocabularySize).contains(id) else {
        throw fields.invalid(
          "eos_token_id", expected: "token ids below the vocabulary size \(vocabularySize)", value)
      }
      // bounded: below the vocabulary size, which fits 32 bits
      ids.append(Int32(id))
    }
    return ids
  }

  private static func layers(_ fields: ConfigurationFields) throws(ModelError) -> [LayerShape] {
    let count = try fields.integer("num_hidden_layers", in: layerCounts)
    if let shapes = fields.value("quire_layers") { return try layers(fields, shapes, count: count) }
    let queryHeadCount = try fields.integer("num_attention_heads", in: headCounts)
    let keyValueHeadCount =
      try fields.optionalInteger("num_key_value_heads", in: headCounts) ?? queryHeadCount
    guard queryHeadCount % keyValueHeadCount == 0 else {
      throw fields.invalid(
        "num_key_value_heads", expected: "a divisor of num_attention_heads = \(queryHeadCount)",
        .int(keyValueHeadCount))
    }
    let shape = LayerShape(
      queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount,
      intermediateSize: try fields.integer("intermediate_size", in: sizes))
    return Array(repeating: shape, count: count)
  }

  /// The layers of a pruned model, one object each.
  private static func layers(
    _ fields: ConfigurationFields, _ value: JSONValue, count: Int
  ) throws(ModelError) -> [LayerShape] {
    guard let items = value.arrayValue, items.count == count else {
      throw .invalidField(
        field: "quire_layers", expected: "a list of num_hidden_layers = \(count) objects",
        found: value.arrayValue.map { "a list of \($0.count)" } ?? value.kindDescription)
    }
    var layers: [LayerShape] = []
    for (index, item) in items.enumerated() {
      layers.append(try LayerShape(json: item, index: index, sizes: sizes, headCounts: headCounts))
    }
    return layers
  }
}

extension LayerShape {
  /// One element of `quire_layers`.
  init(
    json: JSONValue, index: Int, sizes: ClosedRange<Int>, headCounts: ClosedRange<Int>
  ) throws(ModelError) {
    let name = "quire_layers[\(index)]"
    let fields = try ConfigurationFields(json, field: name, prefix: name + ".")
    let keyValueHeadCount = try fields.integer("num_key_value_heads", in: headCounts)
    let queryHeadCount = try fields.integer("num_attention_heads", in: headCounts)
    let intermediateSize = try fields.integer("intermediate_size", in: sizes)
    guard let list = fields.value("key_value_head_of_query_head") else {
      guard queryHeadCount % keyValueHeadCount == 0 else {
        throw fields.invalid(
          "num_key_value_heads", expected: "a divisor of num_attention_heads = \(queryHeadCount)",
          .int(keyValueHeadCount))
      }
      self.init(
        queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount,
        intermediateSize: intermediateSize)
      return
    }
    let map = list.arrayValue?.compactMap(\.intValue) ?? []
    guard map.count == queryHeadCount, list.arrayValue?.count == queryHeadCount,
      LayerShape.problem(keyValueHeadCount: keyValueHeadCount, keyValueHeadOfQueryHead: map) == nil
    else {
      throw fields.invalid(
        "key_value_head_of_query_head",
        expected: "\(queryHeadCount) integers that cover 0 to \(keyValueHeadCount - 1)", list)
    }
    self.init(
      keyValueHeadCount: keyValueHeadCount, keyValueHeadOfQueryHead: map,
      intermediateSize: intermediateSize)
  }
}
