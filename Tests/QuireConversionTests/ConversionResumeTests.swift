import Foundation
import QuireCheckpoints
import QuireCalibration
import QuireConversion
import QuireFiles
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Conversions that are stopped and run again: the pack is the same, byte for byte, as if nothing had happened.
@Suite struct ConversionResumeTests {
  private let folder = TemporaryFolder()
  /// Where an interrupted conversion's files are laid.
  private let place = TemporaryFolder()

  private static let rests = UnfinishedFiles.Part.allCases.map(\.rawValue)

  private static let nearest = recipe(.quantize(.init(target: .int4(group: 32))))
  /// Uses activations up to the last layer.
  private static let solved = recipe(
    .pruneHeads(.init(unit: .keyValueGroup, removal: .perLayer([1, 0, 1]), repairShare: 0.5)),
    .smooth(.init(method: .awq)),
    .quantize(.init(target: .int4(group: 32), method: .gptq)))
  /// Uses activations in the first two layers only.
  private static let pruned = recipe(.pruneHeads(.init(unit: .queryHead, removal: .perLayer([1, 2, 0]))))
  /// Decides formats by a survey, which tries every matrix and some heads on the whole model.
  private static let surveyed = recipe(
    .pruneHeads(.init(unit: .keyValueGroup, removal: .uniform(1), tries: true)), .smooth(.init(method: .awq)),
    budget(bits: 6))

  /// Rotates every part, on the way to a target that follows the float model, and needs activations until lm_head.
  private static let rotated: Recipe = {
    var settings = QuantizationSettings(target: .nl4(group: 32), method: .gptq)
    settings.asymmetry = 0.5
    settings.overrides = [.init(pattern: "lm_head", target: .nl4(group: 32))]
    return recipe(.rotate(.init()), .smooth(.init(method: .awq)), .quantize(settings))
  }()

  private static func budget(bits: Double) -> RecipeStep {
    .budget(
      .init(
        limit: .bitsPerWeight(bits), choices: [.int4(group: 32), .int8()],
        quantization: .init(target: .int4(group: 32), method: .gptq)))
  }

  private static func recipe(_ steps: RecipeStep...) -> Recipe {
    Recipe(
      name: "test", steps: steps,
      calibration: CalibrationSettings(source: .bundled, windowCount: 4, windowTokens: 48, seed: 3),
      text: "the recipe's text")
  }

  init() {
    TinyCheckpoint(layerCount: 3, queryHeadCount: 8, keyValueHeadCount: 4, shardCount: 2).write(to: folder)
  }

  private func contents(_ path: String) -> Data? { FileManager.default.contents(atPath: path) }

  /// How a conversion began, and the survey before it.
  private struct Start: Equatable {
    var survey: RunStart.Found?
    var conversion: RunStart.Found?
  }

  /// Where a run stood when what it would leave behind was looked at.
  private enum Moment: Equatable {
    case survey
    case conversion(layersDone: Int)
  }

  /// Converts into a folder; how it began.
  @discardableResult
  private func convert(
    _ recipe: Recipe, into place: TemporaryFolder, version: String = "test", threads: Int = 2,
    progress: ((Moment) -> Void)? = nil
  ) throws -> Start {
    var converter = try Converter(
      Checkpoint(path: folder.path), recipe: recipe, compute: Compute(threadCount: threads),
      toolVersion: version)
    let path = place.path + "/model.quire"
    var start = Start()
    if !converter.isSettled {
      let survey = try converter.survey(
        forPack: path, progress: { _, _, _ in progress?(.survey) }, onStart: { start.survey = $0.found })
      converter = try converter.settled(by: survey)
    }
    _ = try converter.run(
      output: path, progress: { progress?(.conversion(layersDone: $0.layersDone)) },
      onStart: { start.conversion = $0.found })
    return start
  }

  /// What a kill would leave behind, at each report of progress that finds it changed.
  private func restsOnTheWay(
    _ recipe: Recipe
  ) throws -> (whole: Data, rests: [[String: Data]], moments: [Moment]) {
    let home = TemporaryFolder()
    let path = home.path + "/model.quire"
    var rests: [[String: Data]] = []
    var moments: [Moment] = []
    try convert(recipe, into: home) { moment in
      let rest = Dictionary(
        uniqueKeysWithValues: Self.rests.compactMap { end in contents(path + end).map { (end, $0) } })
      if rest == rests.last, moment == moments.last { return }
      rests.append(rest)
      moments.append(moment)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: home.path) == ["model.quire"])
    return (try #require(contents(path)), rests, moments)
  }

  private func lay(_ rest: [String: Data]) throws {
    for (end, data) in rest { place.write(data, to: "model.quire" + end) }
  }

  private func expectOnlyPack(_ whole: Data, _ comment: Comment) throws {
    #expect(contents(place.path + "/model.quire") == whole, comment)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["model.quire"], comment)
    try FileManager.default.removeItem(atPath: place.path + "/model.quire")
  }

  /// The recipe, on statistics from a file.
  private func reading(_ recipe: Recipe, seed: UInt64 = 3) throws -> Recipe {
    var settings = recipe.calibration
    settings.seed = seed
    let path = folder.path + "/s.safetensors"
    _ = try StatisticsCollector(
      Checkpoint(path: folder.path), settings, relativeTo: recipe.folder,
      compute: Compute(threadCount: 2), toolVersion: "test"
    ).run(output: path)
    settings = recipe.calibration
    settings.statistics = path
    return recipe.replacingCalibration(settings)
  }

  @Test func statisticsFromAFileChangeNothingOfThat() throws {
    for recipe in [Self.solved, Self.surveyed] {
      try wheneverItIsKilledItResumesAfterTheLastLayer(reading(recipe))
    }
    let (_, rests, _) = try restsOnTheWay(reading(Self.solved))
    try lay(try #require(rests.last))
    // Other statistics under the same name.
    #expect(
      try convert(reading(Self.solved, seed: 4), into: place).conversion
        == .useless(reason: "is of another statistics file"))
  }

  @Test(arguments: [nearest, solved, pruned, surveyed, rotated])
  func wheneverItIsKilledItResumesAfterTheLastLayer(_ recipe: Recipe) throws {
    let (whole, rests, moments) = try restsOnTheWay(recipe)
    for (rest, moment) in zip(rests, moments) {
      try lay(rest)
      let start = try convert(recipe, into: place, threads: 1)
      // The embedding's part is noted after its report.
      if case .conversion(let layersDone) = moment, layersDone > 0 {
        #expect(start.conversion == .layers(layersDone))
      }
      try expectOnlyPack(whole, "killed at \(moment)")
    }
  }

  @Test func aSurveyIsNotRepeated() throws {
    let (whole, rests, moments) = try restsOnTheWay(Self.surveyed)
    var starts: [RunStart.Found] = []
    for (rest, moment) in zip(rests, moments) {
      try lay(rest)
      let survey = try #require(try convert(Self.surveyed, into: place).survey)
      if moment != .survey { #expect(survey == .everything) }
      if survey != starts.last { starts.append(survey) }
      try expectOnlyPack(whole, "killed at \(moment)")
    }
    #expect(
      starts == [.nothing, .layers(1), .layers(2), .layers(3), .everything])
  }

  @Test func aSurveyServesAnotherLimitButNoOtherModel() throws {
    let (_, rests, moments) = try restsOnTheWay(Self.surveyed)
    let rest = rests[try #require(moments.firstIndex(of: .conversion(layersDone: 1)))]
    var steps = Self.surveyed.steps
    steps[2] = Self.budget(bits: 6.5)
    try lay(rest)
    let other = Recipe(name: "other", steps: steps, calibration: Self.surveyed.calibration)
    #expect(
      try convert(other, into: place)
        == Start(survey: .everything, conversion: .useless(reason: "is of another recipe")))
    try lay(rest)
    #expect(
      try convert(Self.surveyed, into: place, version: "next").survey
        == .useless(reason: "is of another program"))
    var lost = try #require(rests.last { $0[".survey.probes.rows.partial"] != nil })
    lost[".survey.probes.rows.partial"] = Data()
    try lay(lost)
    #expect(
      try convert(Self.surveyed, into: place).survey == .useless(reason: "has lost its hidden states"))
    // A finished pack of another recipe takes along what was left beside it.
    try lay(rest)
    try convert(Self.nearest, into: place)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["model.quire"])
  }

  /// A kill amid a write, or a loss of power that takes the newest bytes of any file.
  @Test(arguments: [nearest, solved, surveyed])
  func whateverIsCutOffIsDoneAgain(_ recipe: Recipe) throws {
    let (whole, rests, _) = try restsOnTheWay(recipe)
    var generator = SeededGenerator(seed: 5)
    for round in 0..<8 {
      var rest = try #require(rests.randomElement(using: &generator))
      for end in Self.rests where Bool.random(using: &generator) {
        rest[end] = rest[end].map { $0.prefix(Int.random(in: 0...$0.count, using: &generator)) }
      }
      try lay(rest)
      try convert(recipe, into: place)
      try expectOnlyPack(whole, "round \(round)")
    }
  }

  @Test(arguments: [".rows.partial", ".reference.partial"])
  func rowsThatAreNotThoseOfTheJournalAreNotBelieved(_ end: String) throws {
    let (whole, rests, moments) = try restsOnTheWay(Self.solved)
    var rest = rests[try #require(moments.firstIndex(of: .conversion(layersDone: 1)))]
    let count = try #require(rest[end]).count
    rest[end] = Data(count: count)
    try lay(rest)
    let start = try #require(try convert(Self.solved, into: place).conversion)
    #expect(start == .useless(reason: "has lost its hidden states"))
    #expect(
      RunStart(.conversion, start).sentence
        == "starts afresh: the unfinished pack of an earlier run has lost its hidden states")
    try expectOnlyPack(whole, "rows of zeros")
  }

  @Test func whatWasBegunOtherwiseIsNotGoneOnWith() throws {
    let (_, rests, _) = try restsOnTheWay(Self.solved)
    let rest = try #require(rests.last)
    try lay(rest)
    #expect(
      try convert(Self.nearest, into: place).conversion
        == .useless(reason: "is of another recipe and calibration text"))
    try lay(rest)
    #expect(
      try convert(Self.solved, into: place, version: "next").conversion
        == .useless(reason: "is of another program"))
    try lay(rest)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_000_000)],
      ofItemAtPath: folder.path + "/model-00002-of-00002.safetensors")
    #expect(
      try convert(Self.solved, into: place).conversion == .useless(reason: "is of another checkpoint"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["model.quire"])
  }

  @Test func withoutResumingNothingIsLeftOrFound() throws {
    let (_, rests, _) = try restsOnTheWay(Self.nearest)
    try lay(try #require(rests.last))
    let converter = try Converter(
      Checkpoint(path: folder.path), recipe: Self.nearest, compute: Compute(threadCount: 1),
      toolVersion: "test")
    var names: [String] = []
    var start: RunStart?
    _ = try converter.run(
      output: place.path + "/model.quire", resumes: false,
      progress: { _ in
        names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      }, onStart: { start = $0 })
    #expect(start?.found == .nothing && names == ["model.quire.partial"])
  }
}
