import QuireFiles
import QuireModel
package import QuireTensors

// How far the optimized model's answers are from the unpruned model's, at the end of a run.
extension CalibrationRun {
  /// Logits in memory at a time, of either model.
  static let logitBytes = 64 << 20

  /// For each answer of the windows the mean KL divergence of the optimized model's distributions from the unpruned model's, in
  /// nats per token. An answer is the last message of a chat, or a whole document.
  ///
  /// Precondition: the windows, with those of the unpruned model, have been through all layers.
  /// - Parameters:
  ///   - finalNorm: (hidden)
  ///   - head: lm_head (vocabulary, hidden)
  package func answerDivergences(
    finalNorm: HostBuffer<Float>, head: WeightMatrix
  ) throws(CalibrationError) -> [Double] {
    guard let unpruned else { preconditionFailure("there is no reference to compare with") }
    let width = configuration.vocabularySize
    let rowCount = max(1, Self.logitBytes / (4 * width))
    let output = OutputLayer(
      finalNorm: finalNorm, configuration: configuration, compute: stream.compute, maximumRows: rowCount)
    let expected = HostBuffer<Float>(count: rowCount * width)
    let found = HostBuffer<Float>(count: rowCount * width)
    var means: [Double] = []
    for (window, answers) in answerRows.enumerated() {
      try wrapping(CalibrationError.init, try stream.load(window))
      try wrapping(CalibrationError.init, try unpruned.load(window))
      for rows in answers {
        var sum = 0.0
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: rowCount) {
          let part = Array(start..<min(start + rowCount, rows.upperBound))
          output.run(unpruned.scratch.pointer, rows: part, head: head, into: expected.pointer)
          output.run(stream.scratch.pointer, rows: part, head: head, into: found.pointer)
          sum += Divergence.sum(
            expected, found, rows: part.count, width: width, kernels: stream.compute.kernels,
            team: stream.compute.team)
        }
        means.append(sum / Double(rows.count))
      }
    }
    return means
  }

  /// The rows of each answer of a window whose next token belongs to it.
  static func answerRows(of window: CalibrationSet.Window) -> [Range<Int>] {
    var first = 0
    return zip(window.sequences, window.promptCounts).compactMap { sequence, promptCount in
      defer { first += sequence.count }
      let rows = max(0, promptCount - 1)..<max(0, sequence.count - 1)
      return rows.isEmpty ? nil : first + rows.lowerBound..<first + rows.upperBound
    }
  }
}
