import Foundation
import QuireCheckpoints
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuirePacks
import QuireTensors
import QuireText
import TestSupport

/// Conversions of a tiny checkpoint that look at activations, and what the results answer.
struct CalibratedConversion {
  let folder = TemporaryFolder()
  let compute = Compute(threadCount: 2)
  /// What the conversions are calibrated on and compared by: random weights know no other likeness of texts.
  let text: String = {
    var generator = SeededGenerator(seed: 4)
    return String(
      decoding: (0..<800).map { _ in UInt8.random(in: 97...122, using: &generator) }, as: UTF8.self)
  }()

  var output: String { folder.path + "/model.quire" }

  func recipe(_ steps: [RecipeStep], upcoming: [RecipeStep] = []) -> Recipe {
    folder.write(text.utf8, to: "calibration.txt")
    let calibration = CalibrationSettings(
      source: .file("calibration.txt"), windowCount: 8, windowTokens: 96, seed: 3)
    return Recipe(
      name: "test", steps: steps, upcoming: upcoming, calibration: calibration, folder: folder.path + "/")
  }

  @discardableResult
  func convert(
    _ steps: [RecipeStep], upcoming: [RecipeStep] = [], threads: Int = 2, to path: String? = nil
  ) throws -> ConversionReport {
    try converter(recipe(steps, upcoming: upcoming), threads: threads).run(output: path ?? output)
  }

  func converter(_ recipe: Recipe, threads: Int = 2) throws -> Converter {
    try Converter(
      Checkpoint(path: folder.path), recipe: recipe, compute: Compute(threadCount: threads),
      toolVersion: "test")
  }

  func logits(_ model: Model) throws -> [Float] {
    let prompt = Array(try Tokenizer(folder: folder.path).encode(text).prefix(200))
    let blocks = KeyValueCache.blockCount(positions: prompt.count)
    let cache = KeyValueCache(model.configuration, blockCount: blocks, element: .float32)
    let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: prompt.count)
    return Array(
      pass.run(
        ForwardBatch(
          tokens: prompt,
          sequences: [.init(rowCount: prompt.count, firstPosition: 0, blocks: Array(0..<Int32(blocks)))],
          logitRows: Array(prompt.indices))))
  }

  func packedLogits() throws -> [Float] {
    try logits(Model(pack: PackReader(path: output), team: compute.team))
  }
}
