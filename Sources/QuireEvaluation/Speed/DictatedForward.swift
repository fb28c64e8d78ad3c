import QuireGeneration
import QuireModel

/// A model that generates a given text: it computes every row of a step in full, then raises the logit of the
/// text's next token above all others. So random weights decode a text whose repetition is known, at the real cost.
///
/// Only the prompt is not computed: one row stands for it, because the cache holds random keys and values anyway.
// Unchecked: used by an engine's thread until its request has finished, and read by others after that.
final class DictatedForward: StepForward, @unchecked Sendable {
  private let pass: ForwardPass
  private let text: [Int32]  // prompt and answer
  private let promptCount: Int
  /// Work of all steps after the prompt.
  private(set) var work = SpeedWork()

  init(_ pass: ForwardPass, text: [Int32], promptCount: Int) {
    self.pass = pass
    self.text = text
    self.promptCount = promptCount
  }

  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    let slice = batch.sequences[0]
    guard slice.firstPosition >= promptCount else {
      if batch.logitRows.isEmpty { return UnsafeBufferPointer(start: nil, count: 0) }
      let last = ForwardBatch.Slice(rowCount: 1, firstPosition: promptCount - 1, blocks: slice.blocks)
      let row = ForwardBatch(tokens: [text[promptCount - 1]], sequences: [last], logitRows: [0])
      return dictated(pass.run(row), after: promptCount - 1)
    }
    work.add(batch, model: pass.model, keyValueElement: pass.cache.element)
    return dictated(pass.run(batch), after: slice.firstPosition)
  }

  /// Rows of logits in which the text's next token is the largest; the first row is that of `position`.
  private func dictated(
    _ logits: UnsafeBufferPointer<Float>, after position: Int
  ) -> UnsafeBufferPointer<Float> {
    let width = pass.model.configuration.vocabularySize
    let rows = UnsafeMutableBufferPointer(mutating: logits)
    for row in 0..<logits.count / width where position + row + 1 < text.count {
      rows[row * width + Int(text[position + row + 1])] = .greatestFiniteMagnitude
    }
    return logits
  }
}
