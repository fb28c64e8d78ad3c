/// A LoRA adapter of rank 2 for two matrices of `TinyCheckpoint`, in PEFT's layout.
package enum TinyAdapter {
  /// Writes the adapter's files into a folder of `folder`; returns its path.
  ///
  /// - Parameters:
  ///   - settings: members that replace or extend those of adapter_config.json, as JSON texts
  ///   - factor: multiplies all values
  package static func write(
    to folder: TemporaryFolder, name: String = "adapter", settings: [String: String] = [:], factor: Float = 1,
    change: (inout SafetensorsImage) -> Void = { _ in }
  ) -> String {
    try? folder.makeFolder(name)
    var members = [
      "peft_type": "\"LORA\"", "task_type": "\"CAUSAL_LM\"", "bias": "\"none\"", "r": "2", "lora_alpha": "4",
      "fan_in_fan_out": "false", "use_dora": "false", "modules_to_save": "null", "rank_pattern": "{}",
      "alpha_pattern": "{}", "target_modules": "[\"q_proj\", \"down_proj\"]",
    ]
    for (key, value) in settings { members[key] = value }
    let text =
      "{" + members.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ", ")
      + "}"
    folder.write(text.utf8, to: name + "/adapter_config.json")
    var image = SafetensorsImage()
    let tiny = TinyCheckpoint()
    for (name, shape) in tiny.tensorShapes where isAdapted(name) {
      let module = "base_model.model." + name.dropLast(".weight".count)
      image.add(
        module + ".lora_A.weight", shape: [2, shape[1]],
        (0..<2 * shape[1]).map { factor * Float($0 % 5 - 2) / 16 })
      image.add(
        module + ".lora_B.weight", shape: [shape[0], 2],
        (0..<2 * shape[0]).map { factor * Float($0 % 3 - 1) / 8 })
    }
    change(&image)
    folder.write(image.bytes, to: name + "/adapter_model.safetensors")
    return folder.path + "/" + name
  }

  package static func isAdapted(_ name: String) -> Bool {
    name == "model.layers.0.self_attn.q_proj.weight" || name == "model.layers.1.mlp.down_proj.weight"
  }

  /// What the adapter adds to weight [row, column]: twice the product.
  package static func delta(row: Int, column: Int, columns: Int, factor: Float = 1) -> Float {
    var sum: Float = 0
    for k in 0..<2 {
      sum += factor * Float((row * 2 + k) % 3 - 1) / 8 * (factor * Float((k * columns + column) % 5 - 2) / 16)
    }
    return 2 * sum
  }
}
