import QuireJSON

extension RopeParameters {
  /// The base that transformers assumes when config.json names none.
  private static let defaultTheta = 10_000.0
  private static let thetas = 1.5...1e12
  private static let factors = 1.0...1e4

  /// Read `rope_parameters` (transformers 5) or `rope_scaling` with `rope_theta` (before).
  init(_ fields: ConfigurationFields, maximumPositions: Int) throws(ModelError) {
    let outerTheta = try fields.optionalNumber("rope_theta", in: Self.thetas) ?? Self.defaultTheta
    let field = fields.value("rope_scaling") != nil ? "rope_scaling" : "rope_parameters"
    guard let value = fields.value(field) else {
      self.init(theta: outerTheta)
      return
    }
    let rope = try ConfigurationFields(value, field: field, prefix: field + ".")
    let theta = try rope.optionalNumber("rope_theta", in: Self.thetas) ?? outerTheta
    if let rotated = try rope.optionalNumber("partial_rotary_factor", in: 0...1), rotated != 1 {
      throw rope.unsupported("partial_rotary_factor", supported: "partial_rotary_factor 1")
    }
    let typeField = rope.value("rope_type") != nil ? "rope_type" : "type"
    switch try rope.optionalString(typeField) ?? "default" {
    case "default": self.init(theta: theta)
    case "yarn":
      self.init(theta: theta, yarn: try YarnParameters(rope, maximumPositions: maximumPositions))
    default: throw rope.unsupported(typeField, supported: "rope type \"default\" or \"yarn\"")
    }
  }
}

extension YarnParameters {
  private static let scales = 1e-4...1e4

  init(_ fields: ConfigurationFields, maximumPositions: Int) throws(ModelError) {
    let original =
      try fields.optionalInteger("original_max_position_embeddings", in: 1...1_073_741_824)
      ?? maximumPositions
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
