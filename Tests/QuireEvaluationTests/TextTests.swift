import QuireEvaluation
import QuireModel
import TestSupport
import Testing

@Suite struct TextProtocolTests {
  private func detected(_ text: String) -> TextProtocol { .detected(in: Array(text.utf8)) }

  @Test func blankLinesInsideMakeRunningText() {
    #expect(detected("One story.\nAnother story.\n") == .lines)
    #expect(detected("\n\nOne story.\nAnother story.\n\n\n") == .lines)
    #expect(detected("One paragraph.\n\nAnother one.\n") == .windows(tokenCount: 2048))
    #expect(detected("One paragraph.\r\n \t\r\nAnother one.") == .windows(tokenCount: 2048))
    #expect(detected("") == .lines)
  }
}

@Suite struct TextWindowsTests {
  private let documents: [[Int32]] = [[1, 2, 3, 4, 5], [6], [], [7, 8], [9, 10, 11]]

  @Test func documentsAreCutIntoWindows() {
    let windows = TextWindows(documents: documents, windowTokens: 3, scoredLimit: nil)
    #expect(windows.windows == [[1, 2, 3], [4, 5], [7, 8], [9, 10, 11]])
    #expect(windows.documents == [0, 0, 1, 2])
    #expect(windows.documentCount == 3)
    #expect(windows.scoredCount == 6)
  }

  @Test func aLastTokenAloneHasNothingToPredict() {
    let windows = TextWindows(documents: [[1, 2, 3, 4]], windowTokens: 3, scoredLimit: nil)
    #expect(windows.windows == [[1, 2, 3]])
    #expect(windows.scoredCount == 2)
  }

  /// Every limit takes exactly so many tokens, from the beginning.
  @Test func limitsAreExact() {
    for limit in 1...6 {
      let windows = TextWindows(documents: documents, windowTokens: 3, scoredLimit: limit)
      #expect(windows.scoredCount == limit)
      #expect(windows.windows.reduce(0) { $0 + $1.count - 1 } == limit)
      #expect(windows.documents.last == windows.documentCount - 1)
      let tokens = windows.windows.flatMap { $0 }
      #expect(tokens == Array([1, 2, 3, 4, 5, 7, 8, 9, 10, 11].prefix(tokens.count)))
    }
  }
}

@Suite struct ScoringPlanTests {
  /// Random windows at several row limits: every token but each window's first is predicted once, from the row
  /// before it, with blocks that nobody else in the batch uses and that reach back to the window's beginning.
  @Test func everyTokenIsPredictedOnce() {
    var generator = SeededGenerator(seed: 5)
    for rowLimit in [1, 2, 7, 32, 33, 64, 500] {
      for _ in 0..<10 {
        let windows = (0..<12).map { _ in
          generator.tokens(Int.random(in: 2...120, using: &generator), vocabularySize: 1000)
        }
        check(ScoringPlan(windows: windows, rowLimit: rowLimit), windows, rowLimit)
      }
    }
  }

  private func check(_ plan: ScoringPlan, _ windows: [[Int32]], _ rowLimit: Int) {
    var predicted = windows.map { [Int32]($0.prefix(1)) }
    var written = [Int](repeating: 0, count: windows.count)
    for step in plan.steps {
      let batch = step.batch
      #expect(batch.tokens.count <= rowLimit)
      #expect(batch.logitRows.count == step.targets.count && step.windows.count == step.targets.count)
      let blocks = batch.sequences.flatMap(\.blocks)
      #expect(Set(blocks).count == blocks.count, "two windows share a block")
      #expect(blocks.allSatisfy { $0 >= 0 && $0 < plan.blockCount })
      var row = 0
      var target = 0
      for slice in batch.sequences {
        let tokens = Array(batch.tokens[row..<row + slice.rowCount])
        let isRight = { (index: Int) in
          written[index] == slice.firstPosition
            && Array(windows[index].dropFirst(slice.firstPosition).prefix(slice.rowCount)) == tokens
        }
        let end = slice.firstPosition + slice.rowCount
        #expect(slice.blocks.count >= KeyValueCache.blockCount(positions: end))
        // A slice of the window's last token alone predicts nothing and names no window.
        let index =
          target < step.windows.count && batch.logitRows[target] < row + slice.rowCount
          ? step.windows[target] : windows.indices.first { isRight($0) && windows[$0].count == end }
        guard let index, isRight(index) else {
          Issue.record("a slice of no window")
          return
        }
        written[index] = end
        while target < step.targets.count, batch.logitRows[target] < row + slice.rowCount {
          #expect(step.windows[target] == index)
          #expect(batch.tokens[batch.logitRows[target]] == predicted[index].last)
          predicted[index].append(step.targets[target])
          target += 1
        }
        row += slice.rowCount
      }
    }
    #expect(predicted == windows)
  }
}
