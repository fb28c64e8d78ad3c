import Foundation
import QuireCheckpoints
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// Quantized checkpoints whose configuration says something else than their tensors, or the same in another way.
@Suite struct QuantizedVariantTests {
  private let folder = TemporaryFolder()

  /// A fixture whose files have some texts replaced, by texts that are no longer in the weights' header.
  private func checkpoint(
    _ name: String, config: [String: String], header: [String: String] = [:]
  ) throws -> Checkpoint {
    let source = TestPaths.modelFixtures + "/quantized/" + name
    var text = try String(contentsOfFile: source + "/config.json", encoding: .utf8)
    for (old, new) in config {
      #expect(text.contains(old))
      text = text.replacing(old, with: new)
    }
    folder.write(text.utf8, to: "config.json")
    var weights = try Data(contentsOf: URL(fileURLWithPath: source + "/model.safetensors"))
    for (old, new) in header {
      let padded = new + String(repeating: " ", count: old.utf8.count - new.utf8.count)
      while let range = weights.range(of: Data(old.utf8)) {
        weights.replaceSubrange(range, with: Data(padded.utf8))
      }
    }
    folder.write(weights, to: "model.safetensors")
    return try Checkpoint(path: folder.path)
  }

  /// The plan follows the tensors, as reading does.
  @Test(arguments: [("gptq-permuted", "true", "false", 0), ("gptq-int4", "false", "true", 14)])
  func columnsThatAreOutOfOrderAreFound(name: String, old: String, new: String, keptCount: Int) throws {
    let checkpoint = try checkpoint(name, config: ["\"desc_act\": \(old)": "\"desc_act\": \(new)"])
    let source = try #require(try QuantizedSource(checkpoint, keepsGrids: true))
    #expect(source.kept.count == keptCount && source.count == 14)
    let layer = try LayerLoader(checkpoint, keepsGrids: true).layer(0)
    #expect((layer.queryProjection.format.scheme == .bf16) == (keptCount == 0))
  }

  /// FP8 in blocks, as compressed-tensors writes it.
  @Test(arguments: ["[32, 32]", "\"32x32\""]) func blocksHaveTwoNames(structure: String) throws {
    let checkpoint = try checkpoint(
      "fp8",
      config: [
        "\"quant_method\": \"fp8\"": """
        "quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": {
          "targets": ["Linear"], "weights": {"type": "float", "num_bits": 8, "block_structure": \(structure)}}}
        """
      ], header: ["weight_scale_inv\"": "weight_scale\""])
    let golden = GoldenFile(path: TestPaths.modelFixtures + "/quantized/fp8/golden.safetensors")
    let logits = try Model(checkpoint: checkpoint).logits(golden.int32s("ids"))
    #expect(largestDifference(logits, golden.floats("logits")) < 1e-3)
  }

  /// ModelOpt's FP8 has the tensors of FP8.
  @Test(arguments: [("FP8", true), ("FP8_PER_CHANNEL_PER_TOKEN", true), ("NVFP4", false)])
  func modelOptWritesFP8(algorithm: String, isRead: Bool) throws {
    let old = "\"quant_method\": \"fp8\""
    let new = "\"quant_method\": \"modelopt\", \"quant_algo\": \"\(algorithm)\""
    let checkpoint = try checkpoint("fp8", config: [old: new])
    let golden = GoldenFile(path: TestPaths.modelFixtures + "/quantized/fp8/golden.safetensors")
    guard isRead else {
      #expect(throws: ModelError.self) { try Model(checkpoint: checkpoint) }
      return
    }
    let logits = try Model(checkpoint: checkpoint).logits(golden.int32s("ids"))
    #expect(largestDifference(logits, golden.floats("logits")) < 1e-3)
  }

  /// Newer programs name the layout in another field.
  @Test func theLayoutOfGPTQMayBeTheFormat() throws {
    let checkpoint = try checkpoint(
      "gptq-v2", config: ["\"checkpoint_format\": \"gptq_v2\"": "\"format\": \"gptq_v2\""])
    let golden = GoldenFile(path: TestPaths.modelFixtures + "/quantized/gptq-v2/golden.safetensors")
    let logits = try Model(checkpoint: checkpoint).logits(golden.int32s("ids"))
    #expect(largestDifference(logits, golden.floats("logits")) < 1e-3)
  }

  @Test func aMatrixHasOneForm() throws {
    let error = #expect(throws: CheckpointError.self) {
      // A norm takes the name of an encoded matrix.
      try checkpoint(
        "w4a16", config: [:],
        header: [
          "\"model.layers.0.post_attention_layernorm.weight\"": "\"model.layers.0.self_attn.q_proj.weight\""
        ])
    }
    #expect(try #require(error).description.contains("one form of the matrix"))
  }
}
