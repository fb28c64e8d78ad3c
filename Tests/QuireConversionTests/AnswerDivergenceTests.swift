import Foundation
import QuireCalibration
import QuireCheckpoints
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// How far answers are from those of the unpruned model, against whole models in memory.
@Suite struct AnswerDivergenceTests {
  private let compute = Compute(threadCount: 2)

  /// The mean KL divergence over rows, from all logits, in float64.
  private func divergence(_ expected: [[Float]], _ found: [[Float]]) -> Double {
    func logShares(_ row: [Float]) -> [Double] {
      let largest = Double(row.max() ?? 0)
      let total = row.reduce(0.0) { $0 + exp(Double($1) - largest) }
      return row.map { Double($0) - largest - log(total) }
    }
    let sum = zip(expected, found).reduce(0.0) { sum, rows in
      let (p, q) = (logShares(rows.0), logShares(rows.1))
      return sum + zip(p, q).reduce(0.0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    }
    return sum / Double(expected.count)
  }

  /// Logits of every row (row, vocabulary).
  private func logits(_ model: Model, _ tokens: [Int32]) -> [[Float]] {
    let blocks = KeyValueCache.blockCount(positions: tokens.count)
    let cache = KeyValueCache(model.configuration, blockCount: blocks, element: .float32)
    let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: tokens.count)
    let all = Array(
      pass.run(
        ForwardBatch(
          tokens: tokens,
          sequences: [.init(rowCount: tokens.count, firstPosition: 0, blocks: Array(0..<Int32(blocks)))],
          logitRows: Array(tokens.indices))))
    let width = model.configuration.vocabularySize
    return tokens.indices.map { Array(all[$0 * width..<($0 + 1) * width]) }
  }

  @Test(arguments: [false, true]) func equalsThatOfWholeModels(tied: Bool) throws {
    let (folder, other) = (TemporaryFolder(), TemporaryFolder())
    TinyCheckpoint(layerCount: 2, tiesEmbeddings: tied, seed: 3).write(to: folder)
    TinyCheckpoint(layerCount: 2, tiesEmbeddings: tied, seed: 4).write(to: other)
    let (float, changed) = (
      try LayerLoader(Checkpoint(path: folder.path)), try LayerLoader(Checkpoint(path: other.path))
    )
    // A whole document, and a chat whose last answer begins with its sixth token; a text of one token has no next one.
    let sequences: [[Int32]] = [[5, 9, 2, 7, 1, 1, 3], [8, 8, 4, 6, 2, 11, 12, 13, 3], [7]]
    let set = CalibrationSet(
      windows: [
        .init(sequences: [sequences[0], sequences[2]]), .init(sequences: [sequences[1]], promptCounts: [5]),
      ], sourceName: "test")
    let configuration = float.configuration
    func table(_ name: TensorName) throws -> WeightMatrix {
      try float.matrix(name, rows: configuration.vocabularySize, columns: configuration.hiddenSize)
    }
    let embedding = try table(.embedding)
    let run = try CalibrationRun(
      set, embedding: embedding, unprunedEmbedding: embedding, configuration: configuration,
      compute: compute)
    for index in 0..<2 {
      try run.advanceUnpruned(past: .mlpOutput, of: try float.layer(index))
      try run.advance(through: try changed.layer(index))
    }
    let found = try run.answerDivergences(
      finalNorm: try float.norm(.finalNorm, count: configuration.hiddenSize),
      head: try table(tied ? .embedding : .head))

    let model = try Model(checkpoint: Checkpoint(path: folder.path))
    // The other model's layers between the first one's embedding, final norm and lm_head.
    let (mixed, first, others) = (
      TemporaryFolder(), TinyCheckpoint(layerCount: 2, tiesEmbeddings: tied, seed: 3),
      TinyCheckpoint(layerCount: 2, tiesEmbeddings: tied, seed: 4)
    )
    first.write(to: mixed, extraTokens: []) { name, shape in
      (name.contains("layers") ? others : first).values(of: name, shape: shape)
    }
    let second = try Model(checkpoint: Checkpoint(path: mixed.path))
    let expected = [(sequences[0], 0), (sequences[1], 4)].map { tokens, first in
      divergence(
        Array(logits(model, tokens)[first..<tokens.count - 1]),
        Array(logits(second, tokens)[first..<tokens.count - 1]))
    }
    #expect(found.count == 2)
    for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-3 * expected) }
  }
}
