import QuireJSON

/// adapter_config.json of a LoRA adapter, as PEFT writes it.
///
/// Everything that would make the adapter more than W + scale · B·A is refused by name.
struct AdapterConfiguration {
  static let fileName = "adapter_config.json"
  private static let ranks = 1...65_536

  private let path: String
  private let json: JSONValue
  private let rank: Int
  private let alpha: Double
  private let usesRootOfRank: Bool
  private let ranks: [(key: String, value: Double)]
  private let alphas: [(key: String, value: Double)]
  let notices: [String]

  /// Members that must be absent, null, false or empty, and what they mean.
  private static let refused = [
    ("use_dora", "DoRA"), ("modules_to_save", "trained copies of whole modules"), ("lora_bias", "biases"),
    ("trainable_token_indices", "trained rows of the embedding"), ("layer_replication", "repeated layers"),
    ("target_parameters", "parameters outside of linear layers"), ("use_qalora", "QALoRA"),
    ("use_bdlora", "block-diagonal LoRA"), ("alora_invocation_tokens", "activated LoRA"),
    ("arrow_config", "Arrow"),
    ("megatron_config", "Megatron's parallel layers"), ("velora_config", "VeLoRA"),
    ("kasa_config", "KaSA"), ("monteclora_config", "MonteCLoRA"),
  ]

  /// Of these, what PEFT cannot merge into Qwen3's weights either: its linear layers have no bias that could take one.
  private static let unmergeable: Set<String> = [
    "lora_bias", "alora_invocation_tokens", "arrow_config", "monteclora_config",
  ]

  /// Largest rank in a pattern, and largest magnitude of alpha.
  private static let numberLimit = 1e6

  init(_ folder: CheckpointFolder) throws(CheckpointError) {
    path = folder.path(Self.fileName)
    guard let json = try folder.object(Self.fileName) else {
      throw .foreign(
        path: folder.path, expected: "a LoRA adapter with \(Self.fileName)", found: "none",
        advice: "give the folder that PEFT's save_pretrained wrote")
    }
    self.json = json
    let reader = Reader(path: path, json: json)
    try reader.checkType()
    if json["bias"] != nil { try reader.expect("bias", "none", "an adapter without biases, bias \"none\",") }
    for (member, what) in Self.refused where !reader.isNeutral(member) {
      throw reader.refusal(
        "no \(member)", "\(what) (\(member))", canMerge: !Self.unmergeable.contains(member))
    }
    // These change the weights of the model itself when they begin.
    for method in ["pissa", "olora", "corda", "loftq", "lora_ga"] {
      if let name = json["init_lora_weights"]?.stringValue, name.lowercased().hasPrefix(method) {
        throw reader.refusal("an adapter of the model's own weights", "init_lora_weights \"\(name)\"")
      }
    }
    guard let rank = json["r"]?.count.value(in: Self.ranks) else {
      throw reader.fault("a rank from 1 to \(Self.ranks.upperBound) as r", json["r"])
    }
    guard let alpha = json["lora_alpha"]?.doubleValue, alpha.magnitude <= Self.numberLimit else {
      throw reader.fault("a number as lora_alpha", json["lora_alpha"])
    }
    (self.rank, self.alpha) = (rank, alpha)
    usesRootOfRank = try reader.flag("use_rslora")
    ranks = try reader.pattern("rank_pattern", "numbers above 0") { $0 > 0 }
    alphas = try reader.pattern("alpha_pattern", "numbers") { $0 > -Self.numberLimit }
    // As in PEFT, which resets it for the linear layers of Qwen3.
    notices =
      json["fan_in_fan_out"]?.boolValue ?? false
      ? ["\(path): fan_in_fan_out is true and is ignored, as in peft for linear layers"] : []
  }

  /// What B·A is multiplied by for a module such as `model.layers.0.self_attn.q_proj`.
  ///
  /// - Parameter found: the rank of the stored matrices, which must be that of the configuration
  func scale(of module: String, rank found: Int) throws(CheckpointError) -> Float {
    let expected = Self.value(ranks, module) ?? Double(rank)
    guard Double(found) == expected else {
      throw .malformed(
        path: path, expected: "rank \(Int(expected)) for \(module)", found: "\(found) in the weights")
    }
    let alpha = Self.value(alphas, module) ?? alpha
    return Float(alpha / (usesRootOfRank ? Double(found).squareRoot() : Double(found)))
  }

  /// The first key that is the module's name or its end after a point; `^` keeps it at the start.
  private static func value(_ pattern: [(key: String, value: Double)], _ module: String) -> Double? {
    pattern.first { key, _ in
      key.hasPrefix("^") ? module == key.dropFirst() : module == key || module.hasSuffix("." + key)
    }?.value
  }

  private struct Reader {
    let path: String
    let json: JSONValue

    /// Types of adapters that change no weights: they learn a prompt, or choose among adapters for each input.
    private static let typesWithoutWeights: Set<String> = [
      "PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "MULTITASK_PROMPT_TUNING", "ADAPTION_PROMPT", "CPT",
      "CARTRIDGE", "POLY", "XLORA",
    ]

    func refusal(_ expected: String, _ found: String, canMerge: Bool = true) -> CheckpointError {
      .foreign(
        path: path, expected: expected, found: found,
        advice: canMerge
          ? "merge it with peft: merge_and_unload() and save_pretrained(OUTPUT), and give that folder"
          : "peft cannot merge it into the model's weights either; train a LoRA adapter without it")
    }

    /// Refuses every type but LoRA.
    func checkType() throws(CheckpointError) {
      let name = "peft_type"
      let type = json[name]?.stringValue
      guard let type, Self.typesWithoutWeights.contains(type) else {
        return try expect(name, "LORA", "a LoRA adapter")
      }
      throw refusal("a LoRA adapter", "\(name) \"\(type)\"", canMerge: false)
    }

    func fault(_ expected: String, _ found: JSONValue?) -> CheckpointError {
      .malformed(
        path: path, expected: expected, found: found.map { "\($0.serialized().prefix(80))" } ?? "none")
    }

    func expect(_ member: String, _ value: String, _ what: String) throws(CheckpointError) {
      guard json[member] != .string(value) else { return }
      throw refusal(what, "\(member) \(json[member].map { String($0.serialized().prefix(80)) } ?? "absent")")
    }

    /// Any value but a boolean could be meant either way.
    func flag(_ member: String) throws(CheckpointError) -> Bool {
      guard let value = json[member], !value.isNull else { return false }
      guard let flag = value.boolValue else { throw fault("true or false as \(member)", value) }
      return flag
    }

    func isNeutral(_ member: String) -> Bool {
      guard let value = json[member], !value.isNull, value != false else { return true }
      return value.arrayValue?.isEmpty ?? value.objectValue?.isEmpty ?? false
    }

    /// Numbers by patterns of module names. PEFT takes regular expressions; plain names and a `^` are read.
    func pattern(
      _ member: String, _ kind: String, _ isAllowed: (Double) -> Bool
    ) throws(CheckpointError) -> [(key: String, value: Double)] {
      guard let value = json[member], !value.isNull else { return [] }
      guard let object = value.objectValue else { throw fault("an object as \(member)", value) }
      var entries: [(key: String, value: Double)] = []
      for entry in object.members {
        let name = entry.key.drop { $0 == "^" }
        let isPlain = name.utf8.allSatisfy { byte in
          (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
        }
        guard isPlain, !name.isEmpty, name.utf8.count + 1 >= entry.key.utf8.count else {
          throw refusal("names of modules in \(member)", "the regular expression \"\(entry.key.prefix(80))\"")
        }
        guard let number = entry.value.doubleValue, number <= AdapterConfiguration.numberLimit,
          isAllowed(number)
        else { throw fault("\(kind) in \(member)", entry.value) }
        entries.append((entry.key, number))
      }
      return entries
    }
  }
}
