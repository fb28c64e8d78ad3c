import Foundation
import QuireCheckpoints
import TestSupport
import Testing

/// Quantized checkpoints with something wrong: one sentence, and no trap.
@Suite struct QuantizedFaultTests {
  private static let fixtures = TestPaths.modelFixtures + "/quantized/"

  /// A copy of a fixture whose config.json is changed.
  private func folder(_ name: String, config: (inout String) -> Void) throws -> TemporaryFolder {
    let folder = TemporaryFolder()
    var text = try String(contentsOfFile: Self.fixtures + name + "/config.json", encoding: .utf8)
    config(&text)
    folder.write(text.utf8, to: "config.json")
    let weights = try Data(contentsOf: URL(fileURLWithPath: Self.fixtures + name + "/model.safetensors"))
    folder.write(weights, to: "model.safetensors")
    return folder
  }

  @Test(arguments: [
    ("awq", "\"bits\": 4", "\"bits\": 3", "bits 4"),
    ("awq", "\"gemm\"", "\"marlin\"", "version \"gemm\" of AWQ"),
    ("gptq-int4", "\"bits\": 4", "\"bits\": \"four\"", "bits 4 or 8"),
    ("gptq-int4", "\"bits\": 4", "\"bits\": 8", "shape"),
    ("gptq-int4", "\"bits\": 4", "\"bits\": 8", "; use the original checkpoint in bfloat16"),
    ("awq", "\"group_size\": 32", "\"group_size\": 48", "groups of 48 inputs, the group_size"),
    ("gptq-int4", "\"checkpoint_format\": \"gptq\"", "\"checkpoint_format\": \"marlin\"", "gptq_v2"),
    ("gptq-int4", "\"checkpoint_format\": \"gptq\"", "\"format\": \"marlin\"", "gptq_v2"),
    ("awq", "\"version\": \"gemm\"", "\"format\": \"gemv\"", "version \"gemm\" of AWQ"),
    ("gptq-int4", "\"lm_head\": false", "\"dynamic\": {\"-:x\": {}}", "rules for some"),
    ("fp8", "\"e4m3\"", "\"e5m2\"", "fmt \"e4m3\""),
    ("fp8", "32,\n   32", "0,\n   32", "weight_block_size"),
    ("fp8", "32,\n   32", "64,\n   32", "weight_scale_inv"),
    ("w4a16", "\"num_bits\": 4", "\"num_bits\": 2", "2-bit int"),
    ("w4a16", "\"num_bits\": 4", "\"num_bits\": 8", "config group"),
    ("w4a16", "\"pack-quantized\"", "\"marlin-24\"", "marlin-24"),
    ("w4a16", "\"config_groups\"", "\"groups\"", "config_groups"),
    (
      "w4a16", "\"config_groups\"",
      "\"transform_config\": {\"config_groups\": {\"R\": {\"apply\": [{\"location\": \"input\"}]}}}, \"config_groups\"",
      "a transform of activations at \"input\""
    ),
  ])
  func settingsAreChecked(name: String, old: String, new: String, part: String) throws {
    let folder = try folder(name) { text in
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: folder.path) }
    let sentence = try #require(error).description
    #expect(sentence.contains(part) && !sentence.contains("\n"), "\(sentence)")
  }

  /// Without the groups of columns that are out of order, the weights would be others.
  @Test func groupsOfColumnsThatAreMissingAreNamed() throws {
    let folder = try folder("gptq-permuted") { _ in }
    var weights = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/model.safetensors"))
    while let range = weights.range(of: Data(".g_idx".utf8)) {
      weights.replaceSubrange(range, with: Data(".g_idy".utf8))
    }
    folder.write(weights, to: "model.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: folder.path) }
    let sentence = try #require(error).description
    #expect(
      sentence.contains(
        "expected the group of each input, because desc_act of quantization_config is true, in "
          + "\"model.layers.0.mlp.down_proj.g_idx\""), "\(sentence)")
  }

  /// Rotations of weights are part of the stored weights.
  @Test func transformsOfWeightsAreRead() throws {
    let apply = #"[{"location": "weight_input"}, {"location": "weight_output"}]"#
    let folder = try folder("w4a16") { text in
      text = text.replacing(
        "\"config_groups\"",
        with: "\"transform_config\": {\"config_groups\": {\"R1\": {\"apply\": \(apply)}}}, \"config_groups\"",
        maxReplacements: 1)
    }
    #expect(try Checkpoint(path: folder.path).quantizedNames.count > 0)
  }

  /// The header with a tensor renamed, which keeps all lengths.
  @Test(arguments: [
    ("awq", "q_proj.qzeros", "q_proj.qzeras"), ("awq", "q_proj.scales", "q_proj.scalas"),
    ("gptq-int8", "k_proj.qzeros", "k_proj.qzeras"), ("w8a8", "k_proj.weight_scale", "k_proj.weight_scala"),
    ("w4a16", "k_proj.weight_shape", "k_proj.weight_shapa"),
    ("fp8", "k_proj.weight_scale_inv", "k_proj.weight_scale_ina"),
  ])
  func missingTensorsAreNamed(name: String, old: String, new: String) throws {
    let folder = try folder(name) { _ in }
    let path = folder.path + "/model.safetensors"
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let range = try #require(bytes.range(of: Data(old.utf8)))
    bytes.replaceSubrange(range, with: Data(new.utf8))
    folder.write(bytes, to: "model.safetensors")
    let error = #expect(throws: CheckpointError.self) { try Checkpoint(path: folder.path) }
    let sentence = try #require(error).description
    #expect(sentence.contains(old) && sentence.contains("found none"), "\(sentence)")
  }

  @Test func groupsThatDoNotExistAreRefused() throws {
    let folder = try folder("gptq-permuted") { _ in }
    let path = folder.path + "/model.safetensors"
    let name = "model.layers.0.self_attn.q_proj.weight"
    let record = try #require(SafetensorsFile(path: path).record(name.replacing(".weight", with: ".g_idx")))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[record.range.lowerBound + 3] = 0x7F
    folder.write(bytes, to: "model.safetensors")
    let checkpoint = try Checkpoint(path: folder.path)
    let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor(name, shape: [128, 64]) }
    #expect(try #require(error).description.contains("groups from 0 to 1"))
  }

  /// NaN is a bit pattern of FP8.
  @Test func valuesThatAreNotNumbersAreRefused() throws {
    let folder = try folder("fp8") { _ in }
    let path = folder.path + "/model.safetensors"
    let name = "model.layers.1.mlp.up_proj.weight"
    let record = try #require(SafetensorsFile(path: path).record(name))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    bytes[record.range.lowerBound + 5] = 0x7F
    folder.write(bytes, to: "model.safetensors")
    let checkpoint = try Checkpoint(path: folder.path)
    let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor(name, shape: [128, 64]) }
    #expect(try #require(error).description.contains("finite"))
  }
}
