import QuireJSON

extension RopeParameters {
  /// The base that transformers assumes when config.json names none.
  private static let defaultTheta = 10_000.0
  private static let thetas = 1.5...1e12

  /// Reads `rope_parameters` (transformers 5) or `rope_scaling` with `rope_theta` (earlier versions).
  init(_ fields: ConfigurationFields, maximumPositions: Int) throws(ModelError) {
    let outerTheta = try fields.optionalNumber("rope_theta", in: Self.thetas)
    var read: [(field: String, rope: RopeParameters)] = []
    for field in ["rope_scaling", "rope_parameters"] where fields.value(field) != nil {
      let rope = try RopeFields(fields, field)
      let theta = try rope.fields.optionalNumber("rope_theta", in: Self.thetas)
      if let theta, let outerTheta, theta != outerTheta {
        throw rope.fields.invalid(
          "rope_theta", expected: "\(outerTheta), equal to the outer rope_theta,", .double(theta))
      }
      let scaling = try RopeScaling(rope, maximumPositions: maximumPositions)
      read.append(
        (field, RopeParameters(theta: theta ?? outerTheta ?? Self.defaultTheta, scaling: scaling)))
    }
    guard let first = read.first else {
      self.init(theta: outerTheta ?? Self.defaultTheta)
      return
    }
    if let other = read.last, other.rope != first.rope {
      throw fields.invalid(
        other.field, expected: "the same as \(first.field), or only one of the two",
        fields.members[other.field] ?? .null)
    }
    self = first.rope
  }
}

/// The members of one object of rope settings, and the type of scaling that it names.
struct RopeFields {
  let fields: ConfigurationFields
  private let outer: ConfigurationFields
  let type: String
  let typeField: String

  /// Settings may be nested by layer type; all layers of supported models have this type.
  private static let layerType = "full_attention"
  private static let layerTypes: Set<String> = [
    layerType, "sliding_attention", "chunked_attention", "linear_attention",
  ]

  init(_ outer: ConfigurationFields, _ field: String) throws(ModelError) {
    var settings = try ConfigurationFields(outer.value(field), field: field, prefix: field + ".")
    let keys = settings.members.keys
    if !keys.isEmpty, keys.allSatisfy(Self.layerTypes.contains) {
      guard let nested = settings.value(Self.layerType) else {
        throw .missingField(field: field + "." + Self.layerType, expected: "an object")
      }
      let name = field + "." + Self.layerType
      settings = try ConfigurationFields(nested, field: name, prefix: name + ".")
    }
    typeField = settings.value("rope_type") != nil ? "rope_type" : "type"
    type = try settings.optionalString(typeField) ?? "default"
    fields = settings
    self.outer = outer
  }

  /// Refuses fields, by name, that this type of scaling does not have.
  func check(known: [String]) throws(ModelError) {
    let common = ["rope_type", "type", "rope_theta", "partial_rotary_factor"]
    for key in fields.members.keys where !common.contains(key) && !known.contains(key) {
      guard fields.value(key) != nil else { continue }
      throw fields.unsupported(key, supported: "no \(key) in rope settings of type \"\(type)\"")
    }
    if let old = fields.value("type"), let new = fields.value("rope_type"), old != new {
      throw fields.invalid(
        "type", expected: "\(ConfigurationFields.shown(new)), the rope_type next to it,", old)
    }
    if let rotated = try fields.optionalNumber("partial_rotary_factor", in: 0...1), rotated != 1 {
      throw fields.unsupported("partial_rotary_factor", supported: "partial_rotary_factor 1")
    }
  }

  /// The length of the context before it was extended. Some checkpoints keep it outside of the rope settings.
  func originalPositions(_ maximumPositions: Int) throws(ModelError) -> Int {
    let name = "original_max_position_embeddings"
    let range = 1...ModelConfiguration.positionsMax
    let inner = try fields.optionalInteger(name, in: range)
    guard let above = try outer.optionalInteger(name, in: range) else { return inner ?? maximumPositions }
    if let inner, inner != above {
      throw fields.invalid(name, expected: "\(above), equal to the outer \(name),", .int(inner))
    }
    return above
  }
}

extension RopeScaling {
  private static let factors = 1.0...1e4

  init(_ rope: RopeFields, maximumPositions: Int) throws(ModelError) {
    switch rope.type {
    case "default":
      // Some tools write a factor of one.
      let isNeutral = rope.fields.value("factor")?.doubleValue == 1
      try rope.check(known: isNeutral ? ["factor"] : [])
      self = .none
    case "linear":
      try rope.check(known: ["factor"])
      self = .linear(factor: try rope.fields.number("factor", in: Self.factors))
    case "yarn":
      self = .yarn(try YarnParameters(rope, maximumPositions: maximumPositions))
    case "llama3":
      self = .llama3(try Llama3Parameters(rope, maximumPositions: maximumPositions))
    case "dynamic":
      // Frequencies change only beyond max_position_embeddings, which is the longest context here.
      try rope.check(known: ["factor", "original_max_position_embeddings"])
      _ = try rope.fields.number("factor", in: Self.factors)
      self = .none
    default:
      throw rope.fields.unsupported(
        rope.typeField, supported: "rope type \"default\", \"linear\", \"dynamic\", \"llama3\" or \"yarn\"")
    }
  }
}

extension YarnParameters {
  private static let scales = 1e-4...1e4

  init(_ rope: RopeFields, maximumPositions: Int) throws(ModelError) {
    try rope.check(known: [
      "factor", "original_max_position_embeddings", "attention_factor", "beta_fast", "beta_slow", "mscale",
      "mscale_all_dim", "truncate",
    ])
    let fields = rope.fields
    let original = try rope.originalPositions(maximumPositions)
    // A factor that is present but null is the ratio of the two context lengths.
    let factor: Double
    if fields.members["factor"]?.isNull == true {
      factor = Double(maximumPositions) / Double(original)
    } else {
      factor = try fields.number("factor", in: 1...1e4)
    }
    self.init(factor: factor, originalMaximumPositions: original)
    attentionFactor = try fields.optionalNumber("attention_factor", in: Self.scales)
    // Zero counts as absent, as in transformers.
    if let value = try fields.optionalNumber("beta_fast", in: 0...1e4), value != 0 { betaFast = value }
    if let value = try fields.optionalNumber("beta_slow", in: 0...1e4), value != 0 { betaSlow = value }
    guard betaFast >= betaSlow else {
      throw fields.invalid("beta_fast", expected: "at least beta_slow = \(betaSlow)", .double(betaFast))
    }
    mscale = try fields.optionalNumber("mscale", in: 0...1e4)
    mscaleAllDimensions = try fields.optionalNumber("mscale_all_dim", in: 0...1e4)
    truncatesBounds = try fields.optionalBool("truncate") ?? true
  }
}

extension Llama3Parameters {
  init(_ rope: RopeFields, maximumPositions: Int) throws(ModelError) {
    try rope.check(known: [
      "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings",
    ])
    let fields = rope.fields
    let (low, high) = (
      try fields.number("low_freq_factor", in: 1e-3...1e6),
      try fields.number("high_freq_factor", in: 1e-3...1e6)
    )
    guard low < high else {
      throw fields.invalid("high_freq_factor", expected: "more than low_freq_factor = \(low)", .double(high))
    }
    self.init(
      factor: try fields.number("factor", in: 1...1e4), lowFrequencyFactor: low, highFrequencyFactor: high,
      originalMaximumPositions: try rope.originalPositions(maximumPositions))
  }
}
