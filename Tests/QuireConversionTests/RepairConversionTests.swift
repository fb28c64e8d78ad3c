import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireOptimization
import QuireModel
import QuirePacks
import QuireTensors
import Foundation
import TestSupport
import Testing

/// Conversions that prune with and without repair.
@Suite struct RepairConversionTests {
  private let bench = CalibratedConversion()

  private func distance(_ steps: [RecipeStep], from reference: [Float]) throws -> Float {
    try bench.convert(steps)
    return zip(try bench.packedLogits(), reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  private static func heads(_ repairs: Bool) -> RecipeStep {
    .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), repairs: repairs))
  }
  private static func neurons(_ repairs: Bool) -> RecipeStep {
    .pruneNeurons(.init(group: 32, removal: .uniform(32), repairs: repairs))
  }

  @Test(arguments: ["heads", "neurons", "heads, neurons", "neurons, heads"])
  func repairBringsTheAnswersNearer(_ cuts: String) throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let reference = try bench.logits(Model(checkpoint: Checkpoint(path: bench.folder.path)))
    func steps(_ repairs: Bool) -> [RecipeStep] {
      cuts.split(separator: ", ").map { $0 == "heads" ? Self.heads(repairs) : Self.neurons(repairs) }
    }
    let (with, without) = (
      try distance(steps(true), from: reference), try distance(steps(false), from: reference)
    )
    #expect(with < 0.8 * without)
  }

  /// Layers that lose nothing stay as they are, and so does everything without repair.
  @Test func nothingElseIsTouched() throws {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
    let source = try Model(checkpoint: Checkpoint(path: bench.folder.path))
    func isSame(_ tensor: LayerTensor, layer: Int, repairs: Bool) throws -> Bool {
      try bench.convert([
        .pruneHeads(.init(unit: .keyValueGroup, removal: .perLayer([1, 0, 1]), repairs: repairs))
      ])
      let pack = try Model(pack: PackReader(path: bench.output), team: bench.compute.team)
      let name = TensorName.layer(layer, tensor)
      let (old, new) = (
        source.matrix(name).dequantized(kernels: bench.compute.kernels),
        pack.matrix(name).dequantized(kernels: bench.compute.kernels)
      )
      return Array(old.buffer) == Array(new.buffer)
    }
    #expect(try !isSame(.downProjection, layer: 0, repairs: true))
    #expect(try isSame(.downProjection, layer: 1, repairs: true))
    #expect(try isSame(.outputProjection, layer: 1, repairs: true))
    #expect(try isSame(.gateProjection, layer: 2, repairs: true))
    #expect(try isSame(.downProjection, layer: 0, repairs: false))
  }
}
