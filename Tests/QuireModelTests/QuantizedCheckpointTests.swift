import QuireCheckpoints
import QuireTensors
import TestSupport
import Testing

import QuireModel

/// Checkpoints that other programs quantized: their values, and their integers where a weight format holds them.
@Suite struct QuantizedCheckpointTests {
  static let variants = TestPaths.folders(in: TestPaths.modelFixtures + "/quantized").map {
    GoldenVariant(folder: $0)
  }
  /// Those whose integers a weight format holds.
  static let kept = variants.filter { !["fp8", "gptq-permuted"].contains($0.testDescription) }

  @Test func theVariantsAreThere() {
    #expect(
      Self.variants.map(\.testDescription) == [
        "awq", "fp8", "gptq-int4", "gptq-int8", "gptq-permuted", "gptq-v2", "mixed", "w4a16",
        "w4a16-asymmetric", "w8a16", "w8a16-group", "w8a8",
      ])
  }

  @Test(arguments: variants) func logitsAgreeWithTransformers(variant: GoldenVariant) throws {
    let logits = try variant.model().logits(variant.golden.int32s("ids"))
    #expect(largestDifference(logits, variant.golden.floats("logits")) < 1e-3)
  }

  @Test(arguments: variants) func valuesAreExact(variant: GoldenVariant) throws {
    let (checkpoint, golden) = (try Checkpoint(path: variant.folder), variant.golden)
    let names = golden.names.filter { $0.hasPrefix("weight.") }
    #expect(names.count == 2)
    for name in names {
      let (tensor, shape) = (String(name.dropFirst(7)), golden.shape(name))
      let expected = golden.floats(name)
      #expect(floats(try checkpoint.tensor(tensor, shape: shape)) == expected)
      let part = try checkpoint.rows(3..<9, of: tensor, shape: shape)
      #expect(floats(part) == Array(expected[3 * shape[1]..<9 * shape[1]]))
    }
  }

  @Test(arguments: kept) func integersAreKept(variant: GoldenVariant) throws {
    let checkpoint = try Checkpoint(path: variant.folder)
    let loader = try LayerLoader(checkpoint, keepsGrids: true)
    let source = try #require(try QuantizedSource(checkpoint, keepsGrids: true))
    #expect(source.kept.count == 14 && source.count == 14)
    #expect(
      source.sentence.hasSuffix("kept exactly: the same codes, scales and zero points"))
    for name in checkpoint.quantizedNames {
      let shape = try #require(checkpoint.record(name)?.shape)
      let tensor = try #require(loader.configuration.tensorNames.first { $0.string == name })
      let matrix = try loader.matrix(tensor, rows: shape[0], columns: shape[1])
      guard case .quantized(let quantized) = matrix else {
        Issue.record("\(name) is not quantized")
        continue
      }
      #expect(quantized.format == source.kept[name])
      let dequantized = matrix.dequantized(kernels: Kernels(.portable))
      let values = withExtendedLifetime(dequantized) { Array(dequantized.buffer) }
      #expect(values == floats(try checkpoint.tensor(name, shape: shape)), "\(name)")
    }
  }

  @Test(arguments: ["fp8", "gptq-permuted"]) func othersAreFloats(name: String) throws {
    let checkpoint = try Checkpoint(path: TestPaths.modelFixtures + "/quantized/" + name)
    let loader = try LayerLoader(checkpoint, keepsGrids: true)
    let source = try #require(try QuantizedSource(checkpoint, keepsGrids: true))
    #expect(source.kept.isEmpty && source.sentence.contains("stored as float32"))
    let layer = try loader.layer(0)
    guard case .dense(let matrix) = layer.queryProjection else {
      Issue.record("expected floats")
      return
    }
    #expect(matrix.element == .float32)
  }

  private func floats(_ view: TensorView) -> [Float] {
    withExtendedLifetime(view.owner) { Array(view.bytes.bindMemory(to: Float.self)) }
  }
}
