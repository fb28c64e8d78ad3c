package import QuireJSON

/// How a checkpoint's weights were quantized by another program, from `quantization_config` in config.json.
///
/// Read are AWQ (AutoAWQ's `gemm` layout), GPTQ, compressed-tensors (integers and FP8) and block-wise FP8. Which matrices
/// are quantized, in which groups and with which zero points, follows from the tensors themselves (`EncodedMatrix`).
package struct StoredQuantization: Sendable, Equatable {
  package enum Method: String, Sendable, CaseIterable {
    case awq, gptq, float8 = "fp8"
    case compressedTensors = "compressed-tensors"
  }

  package let method: Method
  /// The number types of weights, such as int4 or float8.
  let numbers: Set<Number>
  /// GPTQ's first version stores each zero point minus one.
  let addsOneToZeros: Bool
  /// Rows and columns that share a scale of block-wise FP8.
  let block: [Int]
  /// Whether all zero points are those of weight 0, though they are stored.
  let isSymmetric: Bool

  /// Whether inputs that share a scale need not be neighbours (GPTQ with `desc_act`).
  let ordersColumns: Bool

  /// Inputs that share a scale, where AWQ and GPTQ say it; nil for a whole row.
  let groupSize: Int?

  /// What to do where a form is not read.
  static let advice = "use the original checkpoint in bfloat16, which Quire quantizes itself"

  struct Number: Hashable {
    let isInteger: Bool
    let bits: Int
  }

  /// Whether config.json names a method that is read; all others are refused with the model's configuration.
  package static func isRead(_ configuration: JSONValue) -> Bool { method(configuration) != nil }

  private static func settings(_ configuration: JSONValue) -> JSONValue? {
    for field in ["quantization_config", "compression_config"] {
      if let value = configuration[field], !value.isNull { return value }
    }
    return nil
  }

  private static func method(_ configuration: JSONValue) -> Method? {
    guard let settings = settings(configuration), let name = settings["quant_method"]?.stringValue else {
      return nil
    }
    if name == "modelopt" {
      return modelOptAlgorithms.contains(settings["quant_algo"]?.stringValue ?? "") ? .float8 : nil
    }
    return Method(rawValue: name)
  }

  /// Those of ModelOpt whose tensors are those of FP8 with a scale per matrix or per row.
  private static let modelOptAlgorithms: Set<String> = ["FP8", "FP8_PER_CHANNEL_PER_TOKEN"]

  /// Nil for weights that are not quantized, or by a method that is not read.
  /// - Parameter path: the path of config.json, for errors.
  init?(_ configuration: JSONValue, path: String) throws(CheckpointError) {
    guard let settings = Self.settings(configuration), let method = Self.method(configuration) else {
      return nil
    }
    let fields = Fields(settings: settings, path: path)
    self.method = method
    var block = [128, 128]
    var adds = false
    switch method {
    case .awq:
      numbers = [Number(isInteger: true, bits: try fields.bits([4]))]
      let version = fields.format("version", "checkpoint_format") ?? "gemm"
      guard version.lowercased() == "gemm" else {
        throw fields.refusal("version \"gemm\" of AWQ", "\"\(version)\"")
      }
    case .gptq:
      numbers = [Number(isInteger: true, bits: try fields.bits([4, 8]))]
      if let rules = settings["dynamic"]?.objectValue, !rules.members.isEmpty {
        throw fields.refusal("one format for all matrices", "rules for some in \"dynamic\"")
      }
      let format = fields.format("checkpoint_format") ?? "gptq"
      guard format == "gptq" || format == "gptq_v2" else {
        throw fields.refusal("checkpoint_format \"gptq\" or \"gptq_v2\"", "\"\(format)\"")
      }
      adds = format == "gptq"
    case .float8:
      numbers = [Number(isInteger: false, bits: 8)]
      let type = settings["fmt"]?.stringValue ?? "e4m3"
      guard type == "e4m3" || type == "float8_e4m3fn" else {
        throw fields.refusal("fmt \"e4m3\"", "\"\(type)\"")
      }
      if let sizes = settings["weight_block_size"], !sizes.isNull { block = try fields.block(sizes) }
    case .compressedTensors:
      numbers = try fields.numbers()
      if let sizes = try fields.blockStructure() { block = sizes }
    }
    self.block = block
    let hasGroups = method == .awq || method == .gptq
    groupSize = hasGroups ? settings["group_size"]?.intValue.flatMap { $0 > 0 ? $0 : nil } : nil
    ordersColumns = method == .gptq && settings["desc_act"]?.boolValue ?? false
    isSymmetric = method == .gptq && settings["sym"]?.boolValue ?? true
    addsOneToZeros = adds
  }

  /// "AWQ", as sentences for people name it.
  package var name: String {
    switch method {
    case .awq: "AWQ"
    case .gptq: "GPTQ"
    case .float8: "FP8"
    case .compressedTensors: "compressed-tensors"
    }
  }
}

/// The members of `quantization_config`.
private struct Fields {
  let settings: JSONValue
  let path: String

  func refusal(_ expected: String, _ found: String) -> CheckpointError {
    .foreign(
      path: path, expected: "quantized weights with \(expected)", found: found,
      advice: StoredQuantization.advice)
  }

  /// The name of the layout, from the first of these fields that has one, or from "format" as newer programs write it.
  func format(_ names: String...) -> String? {
    (names + ["format"]).lazy.compactMap { settings[$0]?.stringValue }.first
  }

  func bits(_ known: [Int]) throws(CheckpointError) -> Int {
    let value = settings["bits"] ?? settings["w_bit"]
    guard let bits = value?.intValue, known.contains(bits) else {
      let found = value.map { "\($0.serialized())" } ?? "none"
      throw refusal("bits \(known.map(String.init).joined(separator: " or "))", found)
    }
    return bits
  }

  func block(_ value: JSONValue) throws(CheckpointError) -> [Int] {
    guard let sizes = value.arrayValue?.map(\.intValue), sizes.count == 2,
      let rows = sizes[0], let columns = sizes[1], (1...65_536).contains(rows), (1...65_536).contains(columns)
    else { throw refusal("a weight_block_size of two sizes", value.serialized()) }
    return [rows, columns]
  }

  /// The block of FP8 weights in compressed-tensors: [128, 128], or "128x128" in older files.
  func blockStructure() throws(CheckpointError) -> [Int]? {
    for group in settings["config_groups"]?.objectValue?.members ?? [] {
      guard let value = group.value["weights"]?["block_structure"], !value.isNull else { continue }
      guard let text = value.stringValue else { return try block(value) }
      return try block(.array(text.split(separator: "x").map { Int($0).map { .int($0) } ?? .null }))
    }
    return nil
  }

  /// Where transforms are applied. Those of weights are part of the stored weights, those of activations are computed while
  /// the model runs.
  private var transformLocations: [String] {
    let groups = settings["transform_config"]?["config_groups"]?.objectValue?.members ?? []
    return groups.flatMap { $0.value["apply"]?.arrayValue ?? [] }.map {
      $0["location"]?.stringValue ?? "none"
    }
  }

  /// The types of all config groups. Transforms that change activations while the model runs are refused.
  func numbers() throws(CheckpointError) -> Set<StoredQuantization.Number> {
    let formats = [
      "dense", "int-quantized", "pack-quantized", "naive-quantized", "float-quantized", "mixed-precision",
      "mxfp8-quantized",
    ]
    if let format = settings["format"]?.stringValue, !formats.contains(format) {
      throw refusal("the format " + formats.dropFirst().joined(separator: ", "), "\"\(format)\"")
    }
    if let location = transformLocations.first(where: { !["weight_input", "weight_output"].contains($0) }) {
      throw refusal("a transform_config of weights only", "a transform of activations at \"\(location)\"")
    }
    if let sparsity = settings["sparsity_config"]?["format"]?.stringValue, sparsity != "dense" {
      throw refusal("no sparsity", "the sparse format \"\(sparsity)\"")
    }
    guard let groups = settings["config_groups"]?.objectValue else { throw refusal("config_groups", "none") }
    var found: Set<StoredQuantization.Number> = []
    for member in groups.members {
      let (name, group) = (member.key, member.value)
      guard let weights = group["weights"], !weights.isNull else { continue }
      let type = weights["type"]?.stringValue ?? "int"
      let bits = weights["num_bits"]?.intValue ?? 0
      let number = StoredQuantization.Number(isInteger: type == "int", bits: bits)
      let isRead = type == "int" ? bits == 4 || bits == 8 : type == "float" && bits == 8
      guard isRead else {
        throw refusal("4- or 8-bit integers or 8-bit floats in \(name)", "\(bits)-bit \(type)")
      }
      found.insert(number)
    }
    return found
  }
}
