import QuireFiles

extension AblationReport {
  /// The findings, a sentence each.
  var sentences: [String] {
    [totalSentence, sharesSentence].compactMap { $0 } + weightSentences + [identitySentence].compactMap { $0 }
  }

  private var totalSentence: String? {
    total.map { gain in
      "All together: \(Self.range(gain.throughput)) the tokens/s of none, the first token "
        + "\(Self.times(gain.firstToken.median)) as soon, \(Self.times(gain.token.median)) the speed between tokens of one "
        + "answer, and \(NumberText.fixed(gain.memory, 1)) times less memory."
    }
  }

  /// What each technique is worth while all others are on, the largest first.
  private var sharesSentence: String? {
    let last = plan.axes.compactMap { axis in
      rows.last { $0.technique == axis.technique }
    }.sorted { $0.together.throughput.median > $1.together.throughput.median }
    guard last.count > 1 else { return nil }
    let parts = last.map { row in
      "\(row.technique.title) \(Self.factor(row.together.throughput))"
    }
    return "Tokens/s with all others on, by technique: \(parts.joined(separator: ", "))."
  }

  /// The claim that smaller weights are "nearly twice as fast", measured.
  private var weightSentences: [String] {
    guard let levels = plan.axes.first(where: { $0.technique == .weights })?.levels,
      levels.contains(.weights(.bf16))
    else { return [] }
    return [AblationWeights.int8, .nl4, .int4].filter { levels.contains(.weights($0)) }.map { weights in
      let (level, base) = (AblationLevel.weights(weights), AblationLevel.weights(.bf16))
      let gain = together(level, over: base)
      var text =
        "Weights in \(weights.rawValue) instead of bf16: \(Self.range(gain.throughput)) the tokens/s with all others on"
      if let alone = alone(level, over: base) {
        text +=
          ", \(Self.range(alone.throughput)) alone, where one answer's tokens follow \(Self.times(alone.token.median)) as fast"
      }
      return text + "."
    }
  }

  private var identitySentence: String? {
    let checked = rows.filter { $0.isIdentical != nil }
    guard !checked.isEmpty else { return nil }
    let names = unique(checked.map(\.technique.title)).joined(separator: ", ")
    guard faults.isEmpty else {
      let wrong = unique(faults.map(\.technique.title)).joined(separator: ", ")
      return "Answers must be the same to the last bit whatever \(names), and they differ with: \(wrong)."
    }
    return "Answers are the same to the last bit of every log-probability with and without: \(names)."
  }

  private func unique(_ names: [String]) -> [String] {
    names.enumerated().filter { names.firstIndex(of: $0.element) == $0.offset }.map(\.element)
  }

  /// What the report cannot show.
  var notes: [String] {
    var notes = plan.notes.map { "Not shown: \($0)." }
    if !method.ignored.isEmpty {
      let list = method.ignored.map { "\($0.name) in \(CountText.of($0.requestCount, "request"))" }
      notes.append(
        "Ignored in the recorded requests: \(list.joined(separator: ", ")); each request has one greedy answer without "
          + "conditions on its text.")
    }
    if method.rounds == 1 {
      notes.append(
        "One round was measured, so nothing says how far another would differ; give --rounds 3 or more.")
    }
    if fitsCache {
      notes.append(
        "Note: the weights fit into a processor's cache, so that smaller ones save little time here; on a large model they "
          + "are read from memory for every token.")
    }
    return notes
  }
}
