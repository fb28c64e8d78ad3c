package import QuireJSON

/// The configuration of an EAGLE-3 draft head: one decoder layer of Llama that drafts for a larger model, the target (Y.
/// Li et al., EAGLE-3: Scaling up Inference Acceleration of Large Language Models via Training-Time Test, 2025).
///
/// It is read from the config.json of published heads, whose architecture is `LlamaForCausalLMEagle3`.
package struct DraftHeadConfiguration: Sendable, Equatable {
  /// The layer, as a model with one layer whose vocabulary is the draft vocabulary.
  package let model: ModelConfiguration
  package let targetHiddenSize: Int
  package let targetVocabularySize: Int
  /// Whether the residual stream begins with the normalized features.
  package let normsBeforeResidual: Bool
  /// How many of the target's layers are run before each feature is taken; nil where config.json does not say.
  let namedFeatureLayers: [Int]?

  package init(
    model: ModelConfiguration, targetHiddenSize: Int, targetVocabularySize: Int,
    normsBeforeResidual: Bool = false, namedFeatureLayers: [Int]? = nil
  ) {
    precondition(model.layerCount == 1, "a head has one layer")
    self.model = model
    self.targetHiddenSize = targetHiddenSize
    self.targetVocabularySize = targetVocabularySize
    self.normsBeforeResidual = normsBeforeResidual
    self.namedFeatureLayers = namedFeatureLayers
  }

  /// The target's hidden states that a head reads.
  package static let featureCount = 3

  /// Whether a config.json is that of a head and not of a model of its own.
  package static func describes(_ json: JSONValue) -> Bool {
    let names = json["architectures"]?.arrayValue?.compactMap(\.stringValue) ?? []
    return names.contains { $0.contains("Eagle3") } || json["draft_vocab_size"] != nil
  }

  /// How many of the target's layers are run before each feature is taken, in the order of `fc`'s inputs. Where
  /// config.json names none: 2, half of them, and all but 3, as SGLang and vLLM have it.
  package func featureLayers(of target: ModelConfiguration) throws(ModelError) -> [Int] {
    let count = target.layerCount
    let layers = namedFeatureLayers ?? [2, count / 2, count - 3]
    guard layers.allSatisfy({ (0...count).contains($0) }) else {
      throw .draftHead(
        "expected an EAGLE-3 head that reads hidden states of the model's \(count) layers, found one that reads those after "
          + "\(layers.map(String.init).joined(separator: ", ")) layers; give the head that was trained for this model"
      )
    }
    return layers
  }

  /// Refuses a target that the head was not made for.
  package func check(target: ModelConfiguration) throws(ModelError) {
    func check(_ what: String, _ own: Int, _ other: Int) throws(ModelError) {
      guard own != other else { return }
      throw .draftHead(
        "expected an EAGLE-3 head for a model with \(what) \(other), found one for \(own); give the head that was trained "
          + "for this model")
    }
    try check("hidden size", targetHiddenSize, target.hiddenSize)
    try check("vocabulary size", targetVocabularySize, target.vocabularySize)
    _ = try featureLayers(of: target)
  }
}

extension DraftHeadConfiguration {
  /// Reads a config.json. Throws ModelError when a field is missing, malformed, or describes a head that Quire does not
  /// run. Fields that Llama's configuration class gives a default may be absent.
  package init(json: JSONValue) throws(ModelError) {
    let fields = try ConfigurationFields(json)
    try Self.checkSupport(fields)
    let hiddenSize = try fields.integer("hidden_size", in: ModelConfiguration.sizes)
    let vocabularySize = try fields.integer("vocab_size", in: ModelConfiguration.vocabularySizes)
    let maximumPositions =
      try fields.optionalInteger("max_position_embeddings", in: 1...ModelConfiguration.positionsMax) ?? 2048
    let queryHeadCount = try fields.integer("num_attention_heads", in: ModelConfiguration.headCounts)
    let keyValueHeadCount =
      try fields.optionalInteger("num_key_value_heads", in: ModelConfiguration.headCounts) ?? queryHeadCount
    guard queryHeadCount % keyValueHeadCount == 0 else {
      throw fields.invalid(
        "num_key_value_heads", expected: "a divisor of num_attention_heads = \(queryHeadCount)",
        .int(keyValueHeadCount))
    }
    let headSize =
      try fields.optionalInteger("head_dim", in: ModelConfiguration.headSizes) ?? hiddenSize / queryHeadCount
    guard headSize % 2 == 0, ModelConfiguration.headSizes.contains(headSize) else {
      throw fields.invalid("head_dim", expected: "an even integer from 2 to 1024", .int(headSize))
    }
    let model = ModelConfiguration(
      hiddenSize: hiddenSize, headSize: headSize,
      vocabularySize: try fields.integer("draft_vocab_size", in: 1...vocabularySize),
      rmsNormEpsilon: Float(try fields.optionalNumber("rms_norm_eps", in: 1e-12...1) ?? 1e-6),
      rope: try RopeParameters(fields, maximumPositions: maximumPositions), tiesEmbeddings: false,
      maximumPositions: maximumPositions,
      layers: [
        LayerShape(
          queryHeadCount: queryHeadCount, keyValueHeadCount: keyValueHeadCount,
          intermediateSize: try fields.integer("intermediate_size", in: ModelConfiguration.sizes))
      ])
    self.init(
      model: model,
      targetHiddenSize: try fields.optionalInteger("target_hidden_size", in: ModelConfiguration.sizes)
        ?? hiddenSize,
      targetVocabularySize: vocabularySize,
      normsBeforeResidual: try fields.optionalBool("norm_before_residual") ?? false,
      namedFeatureLayers: try Self.featureLayers(fields))
  }

  /// Fields that would change the head's function, with the only values that Quire computes.
  private static let neutral: [(field: String, value: JSONValue)] = [
    ("hidden_act", "silu"), ("attention_bias", false), ("mlp_bias", false), ("bias", false),
    ("qkv_bias", false), ("num_hidden_layers", 1), ("tie_word_embeddings", false), ("logit_scale", 1),
    ("pretraining_tp", 1), ("parallel_drafting", false), ("is_causal", true),
  ]

  private static func checkSupport(_ fields: ConfigurationFields) throws(ModelError) {
    for (field, value) in neutral {
      guard let found = fields.value(field), found != value,
        found.doubleValue == nil || found.doubleValue != value.doubleValue
      else { continue }
      throw unsupported(field, found, supported: "\(field) \(value.serialized())")
    }
    for field in ["quantization_config", "compression_config"] {
      guard let found = fields.value(field) else { continue }
      throw unsupported(field, found, supported: "unquantized weights")
    }
    if let eagle = fields.value("eagle_config"), let uses = eagle["use_aux_hidden_state"], uses == false {
      throw unsupported("eagle_config.use_aux_hidden_state", uses, supported: "the features of three layers")
    }
  }

  private static func unsupported(_ field: String, _ found: JSONValue, supported: String) -> ModelError {
    .draftHead(
      "expected an EAGLE-3 head with \(supported), found \(field) = \(ConfigurationFields.shown(found)) in its "
        + "configuration; choose another head")
  }

  /// Published configurations name the layers in two ways. `eagle_config` is read by SGLang: numbers of layers whose
  /// output is taken, from 0. A member of config.json itself is read by vLLM: numbers of layers whose input is taken.
  private static func featureLayers(_ fields: ConfigurationFields) throws(ModelError) -> [Int]? {
    let name = "eagle_aux_hidden_state_layer_ids"
    if let eagle = fields.value("eagle_config") {
      let inner = try ConfigurationFields(eagle, field: "eagle_config", prefix: "eagle_config.")
      // bounded: at most the largest number of layers
      if let outputs = try layers(inner, name) { return outputs.map { $0 + 1 } }
    }
    return try layers(fields, name)
  }

  private static func layers(
    _ fields: ConfigurationFields, _ name: String
  ) throws(ModelError) -> [Int]? {
    guard let value = fields.value(name) else { return nil }
    let layers = value.arrayValue?.compactMap(\.intValue) ?? []
    guard layers.count == featureCount, value.arrayValue?.count == featureCount,
      layers.allSatisfy({ (0...ModelConfiguration.layerCounts.upperBound).contains($0) })
    else { throw fields.invalid(name, expected: "a list of three layer numbers", value) }
    return layers
  }
}
