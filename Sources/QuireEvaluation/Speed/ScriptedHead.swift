import QuireGeneration
import QuireModel

/// A draft head that proposes a given text with mistakes, as `ScriptedForward` does for a draft model: it computes every row
/// in full, then raises the logit of the wanted token above all others. Only rows of prompts are not computed, because the
/// cache holds random keys and values anyway.
// Unchecked: used by an engine's thread until its requests have finished, and read by others after that.
final class ScriptedHead: HeadForward, @unchecked Sendable {
  private let pass: DraftHeadPass
  private let text: [Int32]  // prompt and answer, as draft tokens
  private let promptCount: Int
  private let mistakes: ScriptedMistakes
  /// Work of all passes.
  private(set) var work = SpeedWork()

  init(_ pass: DraftHeadPass, text: [Int32], promptCount: Int, acceptance: Double) {
    self.pass = pass
    self.text = text
    self.promptCount = promptCount
    mistakes = ScriptedMistakes(acceptance: acceptance)
  }

  var head: DraftHead { pass.head }
  var maximumRows: Int { pass.maximumRows }
  var featureWidth: Int { pass.featureWidth }

  func logits(of batch: ForwardBatch, from source: DraftHeadPass.Source) -> UnsafeBufferPointer<Float> {
    // The row of a prompt's last token belongs to the answer: beside it is the answer's first token.
    let isOfPrompts = batch.sequences.allSatisfy { $0.firstPosition + $0.rowCount < promptCount }
    if isOfPrompts && batch.logitRows.isEmpty { return UnsafeBufferPointer(start: nil, count: 0) }
    var readsFeatures = false
    if case .features = source { readsFeatures = true }
    work.add(batch, head: head, readsFeatures: readsFeatures, keyValueElement: pass.cache.element)
    let logits = UnsafeMutableBufferPointer(mutating: pass.run(batch, from: source))
    let width = head.configuration.model.vocabularySize
    batch.forEachLogitRow { index, position, sequence in
      // A row is the token after its position, so it predicts the one after that.
      guard position + 2 < text.count else { return }
      let wanted = Int(text[position + 2])
      let isRight = mistakes.isRight(position + 2, sequence: sequence)
      logits[index * width + (isRight ? wanted : (wanted + 1) % width)] = .greatestFiniteMagnitude
    }
    return UnsafeBufferPointer(logits)
  }
}

extension ForwardBatch {
  /// Calls `body` for each logit row with its position and the first block of its sequence.
  func forEachLogitRow(_ body: (_ index: Int, _ position: Int, _ sequence: Int32) -> Void) {
    var (slice, firstRow) = (0, 0)
    for (index, row) in logitRows.enumerated() {
      while row >= firstRow + sequences[slice].rowCount {
        firstRow += sequences[slice].rowCount
        slice += 1
      }
      body(index, sequences[slice].firstPosition + row - firstRow, sequences[slice].blocks[0])
    }
  }
}
