import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints
import Foundation
import QuireJSON
import QuireTensors

extension Recipe {
  /// Reads a recipe file.
  ///
  /// Throws when the file cannot be read, is not JSON5, or has a step, field or value that is not known; the
  /// sentence names the line, what was expected and what was found.
  package init(path: String) throws(ConversionError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadableFile(path: path, purpose: "the recipe")
    }
    let folder = path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? ""
    try self.init(text: [UInt8](data), file: path, folder: folder)
  }

  /// Reads the text of a recipe; `file` is what error sentences call it.
  package init(text: [UInt8], file: String, folder: String = "") throws(ConversionError) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text, syntax: .json5)
    } catch {
      throw .malformedRecipe(file: file, reason: error)
    }
    let root = RecipeNode(value: value, path: [], file: file, text: text)
    try root.checkMembers(["name", "steps", "calibration"], of: "a recipe")
    var steps: [RecipeStep] = []
    for node in try root.required("steps", in: "the recipe").elements("the steps") {
      try node.checkOrder(after: steps)
      steps.append(try node.step())
    }
    if let first = steps.firstIndex(where: { $0.name == "smooth" }), steps.last?.quantization == nil {
      throw try root.required("steps", in: "the recipe").element(first).refusal(
        "the step \"smooth\" prepares weights for rounding, but no step that rounds follows; "
          + "add a step \"quantize\" at the end, or remove this one")
    }
    self.init(
      name: try root.required("name", in: "the recipe").string("the recipe's name"), steps: steps,
      calibration: try root.member("calibration")?.calibration() ?? CalibrationSettings(),
      text: String(decoding: text, as: UTF8.self), folder: folder)
  }
}

extension RecipeNode {
  /// Quantized weights are final: nothing that changes them may follow.
  fileprivate func checkOrder(after steps: [RecipeStep]) throws(ConversionError) {
    guard let last = steps.last, last.quantization != nil else { return }
    throw refusal(
      "expected \"\(last.name)\" to be the last step, found another step after it; "
        + "move that step before it, or use overrides for a second scheme")
  }

  fileprivate func step() throws(ConversionError) -> RecipeStep {
    guard value.objectValue != nil else { throw refusal(expected: "a step, an object") }
    let kind = try required("step", in: "the step")
    switch try kind.string("the step's name") {
    case "prune-heads": return .pruneHeads(try headPruning())
    case "prune-neurons": return .pruneNeurons(try neuronPruning())
    case "smooth": return .smooth(try smoothing())
    case "budget": return .budget(try budget())
    case "quantize": return .quantize(try quantization())
    default: throw kind.refusal(expected: "the step to be \(Self.list(RecipeStep.names, joiner: "or"))")
    }
  }

  private func smoothing() throws(ConversionError) -> SmoothingSettings {
    let what = "the step \"smooth\""
    try checkMembers(["step", "method", "alpha"], of: what)
    let method = try required("method", in: what)
    switch try method.string("method") {
    case "awq":
      if let alpha = member("alpha") {
        throw alpha.refusal(
          "the method \"awq\" finds its exponent itself; remove the field \"alpha\", or use \"smoothquant\"")
      }
      return SmoothingSettings(method: .awq)
    case "smoothquant":
      return SmoothingSettings(
        method: .smoothQuant(
          alpha: try member("alpha")?.number("alpha", in: 0...1) ?? SmoothingMethod.standardAlpha))
    default:
      throw method.refusal(expected: "method to be \(Self.list(SmoothingMethod.names, joiner: "or"))")
    }
  }

  private func quantization() throws(ConversionError) -> QuantizationSettings {
    let what = "the step \"quantize\""
    try checkMembers(["step", "scheme", "group", "method", "scaleSearch", "overrides"], of: what)
    let target = try target(in: what)
    if target.scheme == .bf16 {
      throw (member("scheme") ?? self).refusal(expected: "the scheme of a step to be \"int8\" or \"int4\"")
    }
    return try rounding(target)
  }

  /// What `quantize` and `budget` have in common.
  private func rounding(_ target: WeightFormat) throws(ConversionError) -> QuantizationSettings {
    var overrides: [QuantizationOverride] = []
    for node in try member("overrides")?.elements("the overrides") ?? [] {
      overrides.append(try node.override())
    }
    return QuantizationSettings(
      target: target,
      method: try member("method")?.choice("method", as: QuantizationMethod.self) ?? .nearest,
      scaleSearch: try member("scaleSearch")?.choice("scaleSearch", as: ScaleSearchMeasure.self),
      overrides: overrides)
  }

  private func budget() throws(ConversionError) -> BudgetSettings {
    let what = "the step \"budget\""
    let limits = ["bitsPerWeight", "bytes", "kl"]
    try checkMembers(["step"] + limits + ["choices", "method", "scaleSearch", "overrides"], of: what)
    let given = limits.filter { member($0) != nil }
    guard given.count == 1, let node = member(given[0]) else {
      throw refusal(
        "expected one of \(Self.list(limits, joiner: "or")) in \(what), found "
          + (given.isEmpty
            ? "none; say how large the model may be, or how far its answers may stray"
            : "\(Self.list(given, joiner: "and")); keep one"))
    }
    let limit: BudgetLimit =
      switch given[0] {
      case "bitsPerWeight": .bitsPerWeight(try node.number("bitsPerWeight", in: 1...16))
      case "bytes": .bytes(try node.integer("bytes", in: 1...Int.max))
      default: .divergence(try node.number("kl", in: 0...100))
      }
    var choices: [WeightFormat] = []
    for choice in try member("choices")?.elements("the choices") ?? [] {
      try choice.checkMembers(["scheme", "group"], of: "a choice")
      choices.append(try choice.target(in: "the choice"))
    }
    if let node = member("choices"), choices.isEmpty {
      throw node.refusal("expected at least one of the choices, found none; add one or leave the field out")
    }
    if choices.isEmpty { choices = BudgetSettings.standardChoices }
    // Sizes of a wide matrix order formats whatever the width.
    choices.sort { $0.byteCount(rows: 32, columns: 4096) < $1.byteCount(rows: 32, columns: 4096) }
    return BudgetSettings(limit: limit, choices: choices, quantization: try rounding(choices[0]))
  }

  private func override() throws(ConversionError) -> QuantizationOverride {
    try checkMembers(["match", "scheme", "group"], of: "an override")
    let match = try required("match", in: "the override")
    let pattern = try match.string("match")
    guard !pattern.isEmpty, (try? Regex(pattern)) != nil else {
      throw match.refusal(expected: "match, a regular expression over tensor names")
    }
    return QuantizationOverride(pattern: pattern, target: try target(in: "the override"))
  }

  /// `scheme` and `group`: int4 needs a group, int8 may do without, bf16 has none.
  private func target(in what: String) throws(ConversionError) -> WeightFormat {
    let scheme = try required("scheme", in: what).choice("scheme", as: WeightFormat.Scheme.self)
    guard let node = member("group") else {
      guard scheme != .int4 else {
        throw refusal(
          "the scheme \"int4\" needs a group of 32, 64 or 128 in \(what); add the field \"group\"")
      }
      return WeightFormat(scheme: scheme, group: nil)
    }
    guard scheme != .bf16 else {
      throw node.refusal("the scheme \"bf16\" has no group; remove the field \"group\"")
    }
    guard let group = node.value.intValue, WeightFormat.groups.contains(group) else {
      throw node.refusal(expected: "group to be 32, 64 or 128")
    }
    return WeightFormat(scheme: scheme, group: group)
  }

  fileprivate func calibration() throws(ConversionError) -> CalibrationSettings {
    let what = "the calibration"
    try checkMembers(["source", "windows", "tokens", "seed", "mode", "statistics"], of: what)
    var settings = CalibrationSettings()
    if let source = try member("source")?.string("source") {
      settings.source = source == "bundled" ? .bundled : .file(source)
    }
    if let windows = member("windows") {
      settings.windowCount = try windows.integer("windows", in: 1...1_000_000)
    }
    if let tokens = member("tokens") {
      settings.windowTokens = try tokens.integer("tokens", in: 1...1_000_000)
    }
    settings.statistics = try member("statistics")?.string("statistics")
    if let mode = member("mode") {
      settings.chatMode = try mode.choice("mode", as: CalibrationChatMode.self)
    }
    if let seed = member("seed") { settings.seed = UInt64(try seed.integer("seed", in: 0...Int.max)) }
    return settings
  }
}
