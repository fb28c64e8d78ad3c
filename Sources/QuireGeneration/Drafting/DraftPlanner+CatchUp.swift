// What the draft model computes of texts that it will draft for later.
//
// It does not take part in prompts, nor in steps without its drafts. A text of which it lacks more than a few tokens is
// computed when the time that drafts are expected to save in the rest of its answer is longer than the time to compute
// it, and over several steps: each gets at most as many tokens as take the time of a step without drafts. Where the
// drafts of other requests were refused, or where many requests run, drafts save nothing, and nothing is computed.
//
// Possible alternative: compute prompts with the target's (takes its time also where no draft follows).

extension DraftPlanner {
  /// Texts are computed only if their drafts are expected to raise the tokens per second by at least this factor. Computing
  /// them takes its time before anything is known of the drafts, and the more requests run, the more of it for a smaller
  /// gain.
  private var leastCatchUpGain: Double { Self.leastGain + 0.01 * Double(answerCount - 1) }

  /// Chooses the unready texts that the draft model computes in this step.
  mutating func planCatchUp() {
    guard candidates.contains(where: \.isUnready) else { return }
    let rateNow = best(assumesReady: false).rate
    let ready = best(assumesReady: true)
    guard ready.rate > leastCatchUpGain * rateNow else { return }
    apply(ready.draftCount)
    var (backlog, rest) = (0, Int.max)
    for candidate in candidates where candidate.isUnready && candidate.count > 0 {
      backlog += candidate.backlog ?? 0
      rest = min(rest, candidate.rest)
    }
    guard backlog > 0 else { return }
    // Each of the answers has `rest` more tokens.
    let saved = Double(rest) * Double(answerCount) * (1 / rateNow - 1 / ready.rate)
    guard Double(backlog) * costs.catchUpSeconds <= saved else { return }
    let seconds = costs.steps.seconds(rowCount: rowCount)
    divide(Int(min(seconds / costs.catchUpSeconds, Double(DraftModel.catchUpRowCountMaximum))))
  }

  /// Divides the rows of a step among the unready texts that would get drafts, in order.
  private mutating func divide(_ rowCount: Int) {
    var left = max(rowCount, DraftModel.readyRowCountMaximum)
    for index in candidates.indices where candidates[index].isUnready && candidates[index].count > 0 {
      candidates[index].catchUpCount = min(left, candidates[index].backlog ?? 0)
      left -= candidates[index].catchUpCount
    }
  }

  /// As many drafts as fit, and no regard for the time.
  mutating func chooseAll() {
    var left = DraftModel.catchUpRowCountMaximum
    for index in candidates.indices {
      guard candidates[index].isUnready else {
        candidates[index].count = candidates[index].limit
        continue
      }
      candidates[index].catchUpCount = min(left, candidates[index].backlog ?? 0)
      left -= candidates[index].catchUpCount
    }
  }
}
