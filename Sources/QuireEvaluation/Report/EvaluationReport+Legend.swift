import QuireModelFiles
import QuireTensors
import QuireText

extension EvaluationReport {
  /// What the figures of the tables mean, and the notes of the rows.
  func legend(width: Int) -> String {
    var lines = ["± one standard error"]
    if referenceRow != nil {
      lines[0] += "   ≈ within two standard errors of the reference: no difference is claimed"
    }
    lines.append(
      "peak memory: the whole process while the row's model is loaded, timed and answers"
    )
    if method.tasks != nil && method.speed != nil {
      lines.append(
        "s/answer: seconds that one stream needs for a prompt and an answer of mean length, from the speeds above"
      )
    }
    lines += (method.tasks?.sources ?? []).map(extraction)
    if referenceRow != nil && method.tasks != nil {
      lines.append(
        "lost/won: answers that are right in the reference and wrong here, and the other way round; change in points"
      )
    }
    if referenceRow != nil {
      lines.append(
        "reference: the checkpoint's weights in float32 arithmetic with a float32 cache; packs run with a float16 cache"
          + (rows.contains { !$0.isReference && $0.cacheType != .float16 }
            ? " unless the row says otherwise" : "")
      )
    }
    for (index, row) in rows.enumerated() {
      // A later step of a recipe has the notes of those before it.
      let known = rows[..<index].filter { $0.recipe != nil && $0.recipe == row.recipe }.flatMap(\.notes)
      lines += row.notes.filter { !known.contains($0) }.map { "note: \(row.label): \($0)" }
    }
    return lines.map { Self.wrapped($0, width: width) }.joined()
  }

  /// How answers are found in replies.
  private func extraction(_ source: TaskSource) -> String {
    let modes = method.tasks?.modes ?? []
    let texts = modes.map { source.kind.extraction($0) }
    let isSame = Set(texts).count == 1
    let text = isSame ? texts[0] : zip(modes, texts).map { "\($0.tableName): \($1)" }.joined(separator: "; ")
    return "\(source.name) (\(source.kind.rawValue)): \(text)"
      + (source.shotCount > 0 ? "; \(source.shotCount) solved examples first" : "")
  }
}
