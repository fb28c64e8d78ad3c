import Foundation
import QuireCheckpoints
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Conversions that are stopped and run again: the pack is the same, byte for byte, as if nothing had happened.
@Suite struct ConversionResumeTests {
  private let folder = TemporaryFolder()
  /// Where an interrupted conversion's files are laid.
  private let place = TemporaryFolder()

  private static let rests = [".partial", ".journal.partial", ".rows.partial"]

  private static let nearest = recipe(.quantize(.init(target: .int4(group: 32))))
  /// Uses activations up to the last layer.
  private static let solved = recipe(
    .pruneHeads(.init(unit: .keyValueGroup, removal: .perLayer([1, 0, 1]))), .smooth(.init(method: .awq)),
    .quantize(.init(target: .int4(group: 32), method: .gptq)))
  /// Uses activations in the first two layers only.
  private static let pruned = recipe(.pruneHeads(.init(unit: .queryHead, removal: .perLayer([1, 2, 0]))))

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

  /// Converts into a folder; how it began.
  @discardableResult
  private func convert(
    _ recipe: Recipe, into place: TemporaryFolder, version: String = "test", threads: Int = 2,
    progress: ((ConversionProgress) -> Void)? = nil
  ) throws -> ConversionStart {
    let converter = try Converter(
      Checkpoint(path: folder.path), recipe: recipe, compute: Compute(threadCount: threads),
      toolVersion: version)
    var start = ConversionStart.anew
    _ = try converter.run(output: place.path + "/model.quire", progress: progress) { start = $0 }
    return start
  }

  /// What a kill would leave behind, at each report of progress.
  private func restsOnTheWay(_ recipe: Recipe) throws -> (whole: Data, rests: [[String: Data]], layers: [Int])
  {
    let home = TemporaryFolder()
    let path = home.path + "/model.quire"
    var rests: [[String: Data]] = []
    var layers: [Int] = []
    try convert(recipe, into: home) { state in
      rests.append(
        Dictionary(
          uniqueKeysWithValues: Self.rests.compactMap { end in
            contents(path + end).map { (end, $0) }
          }))
      layers.append(state.layersDone)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: home.path) == ["model.quire"])
    return (try #require(contents(path)), rests, layers)
  }

  private func lay(_ rest: [String: Data]) throws {
    for (end, data) in rest { place.write(data, to: "model.quire" + end) }
  }

  private func expectOnlyPack(_ whole: Data, _ comment: Comment) throws {
    #expect(contents(place.path + "/model.quire") == whole, comment)
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["model.quire"], comment)
    try FileManager.default.removeItem(atPath: place.path + "/model.quire")
  }

  @Test(arguments: [nearest, solved, pruned])
  func wheneverItIsKilledItGoesOnBehindTheLastLayer(_ recipe: Recipe) throws {
    let (whole, rests, layers) = try restsOnTheWay(recipe)
    for (rest, layersDone) in zip(rests, layers) {
      try lay(rest)
      let start = try convert(recipe, into: place, threads: 1)
      // The embedding's part is noted after its report.
      if layersDone > 0 { #expect(start == .resumed(layersDone: layersDone)) }
      try expectOnlyPack(whole, "killed behind layer \(layersDone)")
    }
  }

  /// A kill amid a write, or a loss of power that takes the newest bytes of any file.
  @Test(arguments: [nearest, solved])
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

  @Test func rowsThatAreNotThoseOfTheJournalAreNotBelieved() throws {
    let (whole, rests, layers) = try restsOnTheWay(Self.solved)
    var rest = rests[try #require(layers.firstIndex(of: 1))]
    let count = try #require(rest[".rows.partial"]).count
    rest[".rows.partial"] = Data(count: count)
    try lay(rest)
    let start = try convert(Self.solved, into: place)
    #expect(start == .discarded(reason: "has lost the calibration's hidden rows"))
    #expect(
      start.sentence
        == "starts anew: the unfinished pack of an earlier run has lost the calibration's hidden rows")
    try expectOnlyPack(whole, "rows of zeros")
  }

  @Test func whatWasBegunOtherwiseIsNotGoneOnWith() throws {
    let (_, rests, _) = try restsOnTheWay(Self.solved)
    let rest = try #require(rests.last)
    try lay(rest)
    #expect(
      try convert(Self.nearest, into: place)
        == .discarded(reason: "is of another recipe and calibration text"))
    try lay(rest)
    #expect(
      try convert(Self.solved, into: place, version: "next") == .discarded(reason: "is of another program"))
    try lay(rest)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSince1970: 1_000_000)],
      ofItemAtPath: folder.path + "/model-00002-of-00002.safetensors")
    #expect(try convert(Self.solved, into: place) == .discarded(reason: "is of another checkpoint"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.path) == ["model.quire"])
  }

  @Test func withoutResumingNothingIsLeftOrFound() throws {
    let (_, rests, _) = try restsOnTheWay(Self.nearest)
    try lay(try #require(rests.last))
    let converter = try Converter(
      Checkpoint(path: folder.path), recipe: Self.nearest, compute: Compute(threadCount: 1),
      toolVersion: "test")
    var names: [String] = []
    var start: ConversionStart?
    _ = try converter.run(
      output: place.path + "/model.quire", resumes: false,
      progress: { _ in
        names = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
      }, onStart: { start = $0 })
    #expect(start == .anew && names == ["model.quire.partial"])
  }
}
