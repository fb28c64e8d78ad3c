import QuireTensors
import TestSupport
import Testing

import QuireCheckpoints

/// LoRA adapters that are added to a checkpoint's weights.
@Suite struct AdapterTests {
  private let folder = TemporaryFolder()
  private let adapters = TemporaryFolder()

  init() { TinyCheckpoint().write(to: folder) }

  private func refusal(
    _ settings: [String: String] = [:], _ change: (inout SafetensorsImage) -> Void = { _ in }
  ) -> String {
    let path = TinyAdapter.write(to: adapters, settings: settings, change: change)
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: folder.path, adapters: [path]) }
    return error?.description ?? ""
  }

  @Test func productsAreAddedInFloat32() throws {
    let path = TinyAdapter.write(to: adapters)
    let plain = try Checkpoint(path: folder.path)
    let merged = try Checkpoint(path: folder.path, adapters: [path, path])
    for name in plain.tensorNames {
      let shape = try #require(plain.record(name)).shape
      let before = try plain.tensor(name, shape: shape).floats
      let view = try merged.tensor(name, shape: shape)
      #expect(view.element == (TinyAdapter.isAdapted(name) ? .float32 : .bfloat16))
      #expect(merged.record(name)?.element == view.element)
      guard TinyAdapter.isAdapted(name) else {
        #expect(view.floats == before)
        continue
      }
      // All numbers are sums of few powers of two, so that the product is exact.
      let columns = shape[1]
      let expected = before.enumerated().map { index, value in
        let delta = TinyAdapter.delta(row: index / columns, column: index % columns, columns: columns)
        return value + delta + delta
      }
      #expect(view.floats == expected)
      let rows = try merged.rows(3..<5, of: name, shape: shape)
      #expect(rows.floats == Array(expected[3 * columns..<5 * columns]))
    }
    #expect(merged.adapters[0].description == "adapter (rank 2, 2 matrices)")
  }

  @Test func theyAreAPartOfWhatIdentifiesTheWeights() throws {
    let (one, other) = (
      TinyAdapter.write(to: adapters, name: "one"), TinyAdapter.write(to: adapters, name: "other", factor: 2)
    )
    let plain = try Checkpoint(path: folder.path)
    let names = plain.tensorNames
    var prints: Set<String> = [try plain.fingerprint(of: names)]
    for paths in [[one], [other], [one, other], [other, one]] {
      let checkpoint = try Checkpoint(path: folder.path, adapters: paths)
      prints.insert(try checkpoint.fingerprint(of: names))
      let files = try checkpoint.sourceHashes().map(\.file)
      #expect(files.contains(paths[0].split(separator: "/").last! + "/adapter_model.safetensors"))
    }
    #expect(prints.count == 5)
  }

  @Test func scalesFollowTheConfiguration() throws {
    func scales(_ settings: [String: String]) throws -> [Float] {
      let path = TinyAdapter.write(to: adapters, settings: settings)
      let modules = try LoRAAdapter(path: path).modules
      return modules.sorted { $0.key < $1.key }.map(\.value.scale)
    }
    #expect(try scales([:]) == [2, 2])
    #expect(try scales(["use_rslora": #"true"#]) == [4 / Float(2).squareRoot(), 4 / Float(2).squareRoot()])
    #expect(try scales(["alpha_pattern": #"{"q_proj": 6, "^model.layers.1.mlp.down_proj": 1}"#]) == [3, 0.5])
    #expect(try scales(["r": #"9"#, "rank_pattern": #"{"q_proj": 2, "mlp.down_proj": 2}"#]) == [2, 2])
    let path = TinyAdapter.write(to: adapters, settings: ["fan_in_fan_out": #"true"#])
    #expect(try Checkpoint(path: folder.path, adapters: [path]).notices.count == 1)
  }

  @Test func otherAdaptersAreRefusedByName() {
    #expect(refusal(["use_dora": #"true"#]).contains("found DoRA (use_dora)"))
    #expect(refusal(["modules_to_save": #"["lm_head"]"#]).contains("found trained copies of whole modules"))
    #expect(refusal(["bias": #""all""#]).contains("found bias \"all\""))
    #expect(refusal(["peft_type": #""IA3""#]).contains("a LoRA adapter"))
    #expect(refusal(["peft_type": #""IA3""#]).contains("; merge it with peft: merge_and_unload()"))
    for settings in [
      ["peft_type": #""PREFIX_TUNING""#], ["peft_type": #""P_TUNING""#], ["lora_bias": "true"],
    ] {
      #expect(
        refusal(settings).hasSuffix(
          "; peft cannot merge it into the model's weights either; train a LoRA adapter without it"))
    }
    #expect(
      refusal(["init_lora_weights": #""pissa_niter_4""#]).contains("init_lora_weights \"pissa_niter_4\""))
    #expect(refusal(["alpha_pattern": #"{"layers.(0|1).q_proj": 1}"#]).contains("the regular expression"))
    #expect(refusal(["r": #"3"#]).contains("expected rank 3 for model.layers.0.self_attn.q_proj"))
    #expect(refusal(["r": #"0"#]).contains("a rank from 1 to 65536 as r"))
    #expect(refusal(["lora_alpha": #""x""#]).contains("a number as lora_alpha"))
    #expect(refusal(["use_rslora": #""true""#]).contains("true or false as use_rslora"))
    #expect(refusal(["rank_pattern": #"{"q_proj": 0}"#]).contains("numbers above 0 in rank_pattern"))
    #expect(refusal { $0.tensors.removeLast() }.contains("expected lora_B of the same rank as lora_A"))
    #expect(refusal { $0.tensors.removeFirst() }.contains("found only lora_B"))
    for (name, what) in [
      ("base_model.model.model.embed_tokens.lora_embedding_A", "an adapted embedding"),
      ("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", "DoRA"),
      ("base_model.model.lm_head.weight", "tensor \"base_model.model.lm_head.weight\""),
      ("base_model.model.lm_head.base_layer.weight", "tensor \"base_model.model.lm_head.base_layer.weight\""),
    ] {
      #expect(refusal { $0.add(name, shape: [1, 1], [1]) }.contains("found \(what)"), "\(name)")
    }
  }

  /// PEFT stores the model's own lm_head with an adapter of it. Only an unchanged copy can be left out.
  @Test(arguments: ["lm_head.base_layer.weight", "lm_head.weight", "model.embed_tokens.weight"])
  func copiesOfTheModelsWeightsAreCompared(_ stored: String) throws {
    let plain = try Checkpoint(path: folder.path)
    let name = stored.replacing(".base_layer", with: "")
    let shape = try #require(plain.record(name)).shape
    var values = try plain.tensor(name, shape: shape).floats
    let copied = TinyAdapter.write(to: adapters) {
      $0.add("base_model.model." + stored, shape: shape, values)
    }
    let merged = try Checkpoint(path: folder.path, adapters: [copied])
    #expect(merged.adapters[0].description == "adapter (rank 2, 2 matrices)")
    values[values.count - 1] += 1
    #expect(
      refusal { $0.add("base_model.model." + stored, shape: shape, values) }.contains("; merge it with peft"))
  }

  @Test func itMustBelongToTheModel() throws {
    #expect(
      refusal { image in
        image.add(
          "base_model.model.model.layers.7.mlp.up_proj.lora_A.weight", shape: [2, 64],
          [Float](repeating: 0, count: 128))
        image.add(
          "base_model.model.model.layers.7.mlp.up_proj.lora_B.weight", shape: [9, 2],
          [Float](repeating: 0, count: 18))
      }.contains("found one of model.layers.7.mlp.up_proj.weight; give the model that it was trained on"))
    #expect(
      refusal { image in
        image.add(
          "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight", shape: [2, 64],
          [Float](repeating: 0, count: 128))
        image.add(
          "base_model.model.model.layers.0.mlp.up_proj.lora_B.weight", shape: [9, 2],
          [Float](repeating: 0, count: 18))
      }.contains("of shape [128, 64] at"))
    for path in [folder.path, folder.path + "/none"] {
      let error = #expect(throws: CheckpointError.self) {
        try Checkpoint(path: folder.path, adapters: [path])
      }
      #expect(error?.description.contains("PEFT's save_pretrained wrote") == true)
    }
  }
}
