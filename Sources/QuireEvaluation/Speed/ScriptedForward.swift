import QuireGeneration
import QuireModel

/// A model that generates a given text: it computes every row of a step in full, then raises the logit of the
/// text's next token above all others. So random weights decode a text whose repetition is known, at the real cost.
///
/// A draft model is given the same text with mistakes (`ScriptedMistakes`).
///
/// All sequences have the same text. Only their prompts are not computed, unless `computesPrompts` says so: one row stands
/// for each, because the cache holds random keys and values anyway.
// Unchecked: used by an engine's thread until its requests have finished, and read by others after that.
final class ScriptedForward: StepForward, @unchecked Sendable {
  private let pass: ForwardPass
  private let text: [Int32]  // prompt and answer
  private let promptCount: Int
  private let mistakes: ScriptedMistakes
  /// Whether prompts are computed, so that an engine learns how long their rows take.
  var computesPrompts = false
  private(set) var computedAllRows = true
  /// Work of all steps after the prompts.
  private(set) var work = SpeedWork()

  /// - Parameter acceptance: the probability that a token is the text's, given the tokens before it
  init(_ pass: ForwardPass, text: [Int32], promptCount: Int, acceptance: Double = 1) {
    self.pass = pass
    self.text = text
    self.promptCount = promptCount
    mistakes = ScriptedMistakes(acceptance: acceptance)
  }

  func logits(of batch: ForwardBatch) -> UnsafeBufferPointer<Float> {
    let isOfPrompts = batch.sequences.contains { $0.firstPosition < promptCount }
    computedAllRows = !isOfPrompts || computesPrompts
    guard isOfPrompts else {
      work.add(batch, model: pass.model, keyValueElement: pass.cache.element)
      return scripted(pass.run(batch), batch)
    }
    if computesPrompts { return scripted(pass.run(batch), batch) }
    let rest = withoutPrompts(batch)
    return scripted(pass.run(rest), rest)
  }

  /// The batch with only the last row of each part of a prompt. Steps without any rows would take no time, so that what
  /// a draft head takes beside them would look like a loss.
  private func withoutPrompts(_ batch: ForwardBatch) -> ForwardBatch {
    var rest = ForwardBatch(tokens: [], sequences: [], logitRows: [])
    var firstRow = 0
    for slice in batch.sequences {
      let cut = max(0, min(promptCount - slice.firstPosition, slice.rowCount) - 1)
      let shift = rest.tokens.count - firstRow - cut
      rest.logitRows += batch.logitRows.filter { (firstRow + cut..<firstRow + slice.rowCount).contains($0) }
        .map { $0 + shift }
      rest.tokens += batch.tokens[firstRow + cut..<firstRow + slice.rowCount]
      rest.sequences.append(
        ForwardBatch.Slice(
          rowCount: slice.rowCount - cut, firstPosition: slice.firstPosition + cut, blocks: slice.blocks))
      firstRow += slice.rowCount
    }
    return rest
  }

  /// Rows of logits in which the scripted tokens are the largest.
  private func scripted(
    _ logits: UnsafeBufferPointer<Float>, _ batch: ForwardBatch
  ) -> UnsafeBufferPointer<Float> {
    let width = pass.model.configuration.vocabularySize
    let rows = UnsafeMutableBufferPointer(mutating: logits)
    batch.forEachLogitRow { index, position, sequence in
      guard position + 1 < text.count else { return }
      let wanted = Int(text[position + 1])
      let isRight = mistakes.isRight(position + 1, sequence: sequence)
      rows[index * width + (isRight ? wanted : (wanted + 1) % width)] = .greatestFiniteMagnitude
    }
    return logits
  }
}
