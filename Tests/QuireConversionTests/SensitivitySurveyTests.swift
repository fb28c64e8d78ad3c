import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireModel
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// The survey of every part is the one that budgets and pruning decide by.
@Suite struct SensitivitySurveyTests {
  private let folder = TemporaryFolder()

  private func checkpoint(_ tiny: TinyCheckpoint) throws -> Checkpoint {
    tiny.write(to: folder)
    return try Checkpoint(path: folder.path)
  }

  @Test func itsNumbersAreThoseOfTheSteps() throws {
    let checkpoint = try checkpoint(
      TinyCheckpoint(hiddenSize: 128, intermediateSize: 256, queryHeadCount: 4, keyValueHeadCount: 2))
    let compute = Compute(threadCount: 2)
    let survey = try SensitivitySurvey(checkpoint, compute: compute)
    #expect(survey.tokenCount > 0)
    let all = try survey.run()
    let recipe = Recipe(
      name: "test",
      steps: [
        .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), tries: true)),
        .budget(.init(limit: .bitsPerWeight(8), quantization: .init(target: .int4()))),
      ], calibration: CalibrationSettings(windowCount: 32, windowTokens: 128))
    let steps = try Converter(checkpoint, recipe: recipe, compute: compute, toolVersion: "test")
      .surveyOfEverything()
    #expect(all.sensitivities == steps.sensitivities)
    #expect(all.sensitivities.count == 2 * 7 + 2)
    #expect(all.sensitivities.allSatisfy { $0.options[0].divergence > 0 && $0.options[0].outputError! > 0 })
    let groups = try #require(all.pruning[SensitivitySurvey.groupStep])
    let own = try #require(steps.pruning[0])
    #expect(groups.layers.map(\.scores) == own.layers.map(\.scores))
    for (layer, other) in zip(groups.layers, own.layers) {
      // Every unit is tried; the step tries near ties, with the same result.
      #expect(layer.trials.count == 2)
      for (unit, divergence) in other.trials { #expect(layer.trials[unit] == divergence) }
    }
    let heads = try #require(all.pruning[SensitivitySurvey.headStep])
    #expect(heads.layers.allSatisfy { $0.trials.count == 4 && $0.trials.values.allSatisfy { $0 > 0 } })
  }

  @Test func aLayerKeepsItsOnlyGroup() throws {
    let checkpoint = try checkpoint(TinyCheckpoint(layerCount: 1, queryHeadCount: 2, keyValueHeadCount: 1))
    var shares: [Double] = []
    let survey = try SensitivitySurvey(checkpoint, compute: Compute(threadCount: 1)).run {
      shares.append(Double($0) / Double($1))
    }
    #expect(survey.pruning[SensitivitySurvey.groupStep] == nil)
    #expect(survey.pruning[SensitivitySurvey.headStep]?.layers.count == 1)
    #expect(shares == shares.sorted() && shares.last == 1)
  }
}
