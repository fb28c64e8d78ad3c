import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireModel
import QuireOptimization
import QuirePacks
import QuireTensors
import QuireText
import TestSupport
import Testing

/// GPTQ whose target follows the float model.
@Suite struct AsymmetryTests {
  private let bench = CalibratedConversion()

  private func writeCheckpoint(layers: Int = 3) {
    TinyCheckpoint(layerCount: layers, queryHeadCount: 6, keyValueHeadCount: 3).write(to: bench.folder)
  }

  private func steps(_ asymmetry: Double, smooths: Bool = false) -> [RecipeStep] {
    var settings = QuantizationSettings(
      target: .nl3(group: 32), method: .gptq, scaleSearch: .activations,
      overrides: [.init(pattern: "embed|lm_head", target: .bf16)])
    settings.asymmetry = asymmetry
    return (smooths ? [.smooth(.init(method: .awq))] : []) + [.quantize(settings)]
  }

  private func distance(_ steps: [RecipeStep], from reference: [Float]) throws -> Float {
    try bench.convert(steps)
    return zip(try bench.packedLogits(), reference).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
  }

  @Test(arguments: [false, true])
  func theAnswersComeNearer(smooths: Bool) throws {
    writeCheckpoint()
    let reference = try bench.logits(Model(checkpoint: Checkpoint(path: bench.folder.path)))
    let plain = try distance(steps(0, smooths: smooths), from: reference)
    #expect(try distance(steps(0.5, smooths: smooths), from: reference) < plain)
  }

  /// The deviations are those of two separate runs of the windows.
  @Test func momentsCompareTwoRuns() throws {
    writeCheckpoint(layers: 2)
    let loader = try LayerLoader(Checkpoint(path: bench.folder.path))
    let set = try CalibrationSet(
      bench.recipe([]).calibration, relativeTo: bench.folder.path + "/", checkpointFolder: bench.folder.path,
      configuration: loader.configuration, tokenizer: .init(folder: bench.folder.path))
    let embedding = try loader.embedding(of: loader.configuration)
    let rounded = WeightMatrix.quantized(
      try NearestQuantizer(.nl3(group: 32)).quantize(embedding, named: "e", bench.compute).matrix)
    let layer = try loader.layer(0)
    func run(_ embedding: WeightMatrix, float: WeightMatrix? = nil) throws -> CalibrationRun {
      try CalibrationRun(
        set, embedding: embedding, unprunedEmbedding: float, configuration: loader.configuration,
        compute: bench.compute)
    }
    let (both, own, other) = (try run(rounded, float: embedding), try run(rounded), try run(embedding))
    for site in ActivationSite.allCases {
      let found = try both.inputMoments(at: site, of: layer, float: layer)
      let gram = try own.gram(at: site, of: layer)
      #expect(found.gram.values.buffer.elementsEqual(gram.values.buffer), "\(site)")
      let deviation = try #require(found.deviation)
      // The mean square of X̃ is that of X, plus twice the deviation, plus the mean square of X̃ − X, which is not
      // negative.
      let floats = try other.gram(at: site, of: layer).diagonal
      for input in 0..<gram.order {
        let rest = floats[input] - gram.view[input, input] - 2 * deviation[input, input]
        #expect(rest >= -1e-4 * floats[input] && rest < 0.5 * floats[input] + 1e-6, "\(site)")
      }
      if site == .attentionOutput {
        try own.advance(throughAttentionOf: layer)
        try other.advance(throughAttentionOf: layer)
        try both.advance(throughAttentionOf: layer)
      }
    }
  }

  @Test func equalModelsDoNotDeviate() throws {
    writeCheckpoint(layers: 1)
    let loader = try LayerLoader(Checkpoint(path: bench.folder.path))
    let set = try CalibrationSet(
      bench.recipe([]).calibration, relativeTo: bench.folder.path + "/", checkpointFolder: bench.folder.path,
      configuration: loader.configuration, tokenizer: .init(folder: bench.folder.path))
    let embedding = try loader.embedding(of: loader.configuration)
    let run = try CalibrationRun(
      set, embedding: embedding, unprunedEmbedding: embedding, configuration: loader.configuration,
      compute: bench.compute)
    let layer = try loader.layer(0)
    for site in ActivationSite.allCases {
      let deviation = try #require(try run.inputMoments(at: site, of: layer, float: layer).deviation)
      #expect((0..<deviation.rows).allSatisfy { deviation[$0, $0] == 0 }, "\(site)")
      if site == .attentionOutput { try run.advance(throughAttentionOf: layer) }
    }
  }
}
