import Foundation
import QuireCheckpoints
import QuireModel
import QuireCalibration
import QuireConversion
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Statistics of the shards of a text, collected apart and merged, against those of the text in one run.
@Suite struct StatisticsShardTests {
  private let bench = CalibratedConversion()
  private var folder: String { bench.folder.path + "/" }

  private func collect(_ name: String, _ shard: String? = nil) throws -> String {
    let collector = try StatisticsCollector(
      Checkpoint(path: bench.folder.path), bench.recipe([]).calibration, relativeTo: folder,
      shard: shard.map { try #require(CalibrationShard($0)) }, compute: bench.compute, toolVersion: "test")
    #expect(try collector.run(output: folder + name) == [])
    return folder + name
  }

  private func merge(_ paths: [String], to name: String) throws -> (notes: [String], file: StatisticsFile) {
    let merger = try StatisticsMerger(paths: paths)
    try merger.run(output: folder + name, toolVersion: "test")
    return (merger.notes, try StatisticsFile(path: folder + name))
  }

  @Test func shardsAreTheWholeText() throws {
    TinyCheckpoint().write(to: bench.folder)
    let whole = try StatisticsFile(path: collect("whole.safetensors"))
    let shards = try (1...3).map { try collect("\($0).safetensors", "\($0)/3") }
    #expect(try shards.map { try StatisticsFile(path: $0).origin.texts[0].windows } == [3, 3, 2])
    // A part of what is there as a whole.
    let twice = try merge([folder + "whole.safetensors", shards[1]], to: "twice.safetensors").notes
    #expect(
      twice.contains(
        "shard 2/3 of calibration.txt is part of a text that is merged as a whole, so its windows count twice; merge one of "
          + "the two"))
    #expect(!twice.contains { $0.contains("missing") })
    // In any order, and merged in steps.
    let part = try merge([shards[2], shards[0]], to: "part.safetensors")
    #expect(
      part.notes == [
        "of calibration.txt, shard 2/3 is missing, so the statistics are those of a part of the text; "
          + "collect it with --shard 2/3"
      ])
    let merged = try merge([folder + "part.safetensors", shards[1]], to: "merged.safetensors")
    #expect(merged.notes == [])
    #expect(merged.file.origin == whole.origin)
    let layer = try LayerLoader(Checkpoint(path: bench.folder.path)).layer(0)
    for index in 0..<2 {
      for site in ActivationSite.allCases {
        let found = try merged.file.layer(index).gram(at: site, of: layer)
        let expected = try whole.layer(index).gram(at: site, of: layer)
        #expect(found.magnitudes?.maxima == expected.magnitudes?.maxima)
        // The bound that recipes/deploy/calibration states.
        let scales = expected.diagonal.map { max($0, 1e-20).squareRoot() }
        for row in 0..<expected.order {
          for column in 0..<expected.order {
            let difference = abs(found.view[row, column] - expected.view[row, column])
            try #require(difference <= 1e-5 * scales[row] * scales[column], "\(site), \(row), \(column)")
          }
        }
      }
    }
  }

  @Test func repeatedShardsAreReported() throws {
    TinyCheckpoint().write(to: bench.folder)
    let first = try collect("1.safetensors", "1/2")
    let again = try merge([first, first], to: "twice.safetensors")
    #expect(again.notes.count == 2)
    #expect(
      again.notes[0].hasSuffix("seed 3, shard 1/2, are there twice and count double; merge each file once"))
    #expect(again.notes[1].contains("shard 2/2 is missing"))
    let whole = try collect("whole.safetensors")
    let notes = try merge([whole, first], to: "both.safetensors").notes
    #expect(notes.count == 2 && notes[0].contains("shard 1/2, may share windows with"))
    let other = try collect("other.safetensors", "1/3")
    #expect(try merge([first, other], to: "mixed.safetensors").notes.count == 3)
  }

  @Test func moreShardsThanWindowsAreRefused() throws {
    TinyCheckpoint().write(to: bench.folder)
    let error = #expect(throws: CalibrationError.self) { try collect("9.safetensors", "9/9") }
    #expect(
      error?.description
        == "the calibration text calibration.txt gives 8 windows, but --shard asks for 9 shards; "
        + "ask for at most one for each window")
    #expect(
      CalibrationShard("0/3") == nil && CalibrationShard("4/3") == nil && CalibrationShard("1/10001") == nil)
    #expect(CalibrationShard("1") == nil && CalibrationShard("1/2/3") == nil && CalibrationShard("/") == nil)
  }
}
