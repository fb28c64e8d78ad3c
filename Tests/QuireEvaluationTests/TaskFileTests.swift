import QuireEvaluation
import QuireText
import TestSupport
import Testing

@Suite struct TaskFileTests {
  private func problems(_ text: String) throws -> [TaskProblem] {
    try TaskFile.parse(Array(text.utf8), file: "t.jsonl")
  }

  /// The sentence of the error that the text gives; nil when it is accepted.
  private func sentence(_ text: String) -> String? {
    do throws(EvaluationError) {
      _ = try TaskFile.parse(Array(text.utf8), file: "t.jsonl")
      return nil
    } catch {
      return error.description
    }
  }

  @Test func readsProblemsInOrder() throws {
    let text = """
      {"task": "add", "prompt": "1+1?", "answer": "2"}\r

      {"id": 7, "answer": "ba", "task": "word", "prompt": "Reverse \\"ab\\"."}
      """
    #expect(
      try problems(text) == [
        TaskProblem(task: "add", prompt: "1+1?", answer: "2"),
        TaskProblem(task: "word", prompt: "Reverse \"ab\".", answer: "ba"),
      ])
  }

  @Test func aNumberStandsForItsText() throws {
    let line = "{\"task\": \"a\", \"prompt\": \"?\", \"answer\": NUMBER}"
    for number in ["1087", "-3", "2.50", "1e3"] {
      #expect(try problems(line.replacing("NUMBER", with: number)).map(\.answer) == [number])
    }
  }

  @Test func aByteOrderMarkIsDropped() throws {
    #expect(try problems("\u{FEFF}{\"task\": \"a\", \"prompt\": \"?\", \"answer\": \"1\"}\r\n").count == 1)
  }

  @Test func refusesWhatIsNoProblem() {
    let good = "{\"task\": \"add\", \"prompt\": \"1+1?\", \"answer\": \"2\"}\n"
    let correct = "; correct or remove the line"
    let member = "a string that is not blank"
    let answer = "a string or a number that is not blank"
    #expect(
      sentence(good + "\n{\"task\": \"add\", \"prompt\": \"?\"}")
        == "t.jsonl, line 3: expected the member \"answer\", \(answer), found no such member" + correct)
    #expect(
      sentence(good + "{\"task\": \"add\", \"prompt\": \"?\", \"answer\": [2]}")
        == "t.jsonl, line 2: expected the member \"answer\", \(answer), found an array" + correct)
    #expect(
      sentence("{\"task\": \"a\", \"prompt\": \"?\", \"choices\": [1], \"answer\": 2}")
        == "t.jsonl, line 1: expected only the members task, prompt and answer (and id or source, which are "
        + "ignored), found \"choices\", which nothing here reads" + correct)
    #expect(
      sentence("{\"task\": \"add\", \"prompt\": \" \", \"answer\": \"2\"}")
        == "t.jsonl, line 1: expected the member \"prompt\", \(member), found a blank one" + correct)
    #expect(
      sentence("[1]")
        == "t.jsonl, line 1: expected the member \"task\", \(member), found an array" + correct)
    #expect(
      sentence("{\"task\": \"all\", \"prompt\": \"?\", \"answer\": \"2\"}")
        == "t.jsonl, line 1: expected a task name other than \"all\", "
        + "found a name that has another meaning in reports and conditions" + correct)
    // A condition on it would be about something else.
    for name in ["size", "kl", "kl-p99", "tasks"] {
      #expect(
        sentence("{\"task\": \"\(name)\", \"prompt\": \"?\", \"answer\": \"2\"}")?
          .contains("expected a task name other than \"\(name)\"") == true)
    }
    #expect(
      sentence("{\"task\": \"a\", \"prompt\": \"?\", \"answer\": \"2 \"}")
        == "t.jsonl, line 1: expected an answer without white space at its ends, "
        + "found one with it, which no reply can equal" + correct)
    #expect(
      sentence(good + "{\"task\":")
        == "t.jsonl, line 2: expected a JSON object, found an error "
        + "(line 1, column 9: expected a value, found the end of the text)" + correct)
    #expect(
      sentence("\n \n")
        == "expected at least one problem in t.jsonl, found none; give a file that has some")
  }

  @Test func refusesFilesThatAreNoText() {
    let folder = TemporaryFolder()
    func found(_ path: String) -> String? {
      do throws(EvaluationError) {
        _ = try TaskFile.read(path: path)
        return nil
      } catch {
        guard case .unreadableFile(path, "tasks, one JSON object a line,", let found) = error else {
          return nil
        }
        return found
      }
    }
    #expect(found(folder.path + "/none.jsonl") == "no such file")
    #expect(found(folder.path) == "a folder")
    #expect(found(folder.write([0x7B, 0xFF], to: "latin.jsonl")) == "bytes that are not UTF-8 in line 1")
  }

  @Test func acceptsAByteOrderMark() throws {
    let folder = TemporaryFolder()
    let path = folder.write(
      [0xEF, 0xBB, 0xBF] + "{\"task\": \"t\", \"prompt\": \"p\", \"answer\": \"a\"}".utf8, to: "t.jsonl")
    #expect(try TaskFile.read(path: path).count == 1)
  }

  @Test func readsTheDemoTasks() throws {
    let problems = try TaskFile.read(path: TestPaths.repository + "/recipes/demo/tasks.jsonl")
    #expect(problems.count == 810)
    #expect(Set(problems.map(\.task)).count == 9)
  }
}

@Suite struct TaskSelectionTests {
  private let problems = ["a", "b", "a", "c", "a", "b", "a", "a"].enumerated().map {
    TaskProblem(task: $0.element, prompt: "\($0.offset)", answer: "x")
  }

  @Test func takesAllWithoutALimit() {
    #expect(TaskSelection.choose(problems, limit: nil, seed: 1) == problems)
    #expect(TaskSelection.choose(problems, limit: 8, seed: 1) == problems)
    #expect(TaskSelection.choose(problems, limit: 99, seed: 1) == problems)
  }

  /// Every limit and several seeds: the right number, in file order, even over tasks, nested in the next limit.
  @Test func spreadsOverTasks() {
    for seed in UInt64(0)..<20 {
      var smaller = Set<String>()
      for limit in 1..<problems.count {
        let chosen = TaskSelection.choose(problems, limit: limit, seed: seed)
        #expect(chosen.count == limit)
        #expect(chosen == problems.filter(chosen.contains))
        let counts = ["a": 5, "b": 2, "c": 1].map {
          (size: $0.value, chosen: chosen.filter { [name = $0.key] in $0.task == name }.count)
        }
        let most = counts.map(\.chosen).max() ?? 0
        for count in counts { #expect(count.chosen == count.size || count.chosen >= most - 1) }
        let prompts = Set(chosen.map(\.prompt))
        #expect(smaller.isSubset(of: prompts))
        smaller = prompts
      }
    }
  }

  @Test func seedsChooseDifferently() {
    let choices = (UInt64(0)..<20).map { TaskSelection.choose(problems, limit: 3, seed: $0) }
    #expect(Set(choices.map { $0.map(\.prompt) }).count > 1)
    #expect(
      TaskSelection.choose(problems, limit: 3, seed: 4) == TaskSelection.choose(problems, limit: 3, seed: 4))
  }
}

@Suite struct AnswerTests {
  private let problem = TaskProblem(task: "t", prompt: "?", answer: "Zo\u{EB} 7")

  private func isRight(_ content: String, _ mode: ThinkingMode = .nonThinking, thoughtTokens: Int = 0) -> Bool
  {
    let reply = ReplyRecord(content: content, thoughtTokens: thoughtTokens)
    return TaskKind.exact.judge(reply, to: problem, mode: mode).scores.allSatisfy { $0.value == 1 }
  }

  @Test func contentIsStrippedAndComparedByBytes() {
    #expect(isRight("\n\n Zo\u{EB} 7\u{A0}\t", .thinking, thoughtTokens: 1))
    #expect(isRight("Zo\u{EB} 7"))
    #expect(!isRight("Zo\u{EB} 7."))
    #expect(!isRight("Zoe\u{308} 7"), "canonically equal, other bytes")
    #expect(!isRight("", .thinking, thoughtTokens: 1))
    #expect(!isRight(" \n"))
  }

  @Test func aThoughtMustBeClosed() {
    #expect(!isRight("Zo\u{EB} 7", .thinking))
  }

  @Test func truncatedAnswersAreWrong() {
    #expect(!TaskAnswer(isRight: true, tokenCount: 5, isTruncated: true).isRight)
  }

  @Test func sheetsAreSummedPerTaskAndInAll() {
    let problems = ["a", "b", "a"].map { TaskProblem(task: $0, prompt: "?", answer: "x") }
    func answer(_ isRight: Bool, _ tokens: Int, cut: Bool = false) -> TaskAnswer {
      TaskAnswer(isRight: isRight, tokenCount: tokens, isTruncated: cut)
    }
    let reference = RowAnswers(thinking: [answer(true, 10), answer(true, 20), answer(false, 30)])
    let row = RowAnswers(thinking: [answer(true, 12), answer(false, 20), answer(true, 37, cut: true)])
    let results = row.results(problems: problems, reference: reference)
    #expect(results.map(\.name) == ["a", "b", "all"])
    #expect(results.allSatisfy { $0.nonThinking == nil })
    let all = results[2].thinking
    #expect(all?.problemCount == 3)
    #expect(all?.accuracy.value == 1.0 / 3)
    #expect(all?.tokensPerAnswer.value == 23)
    #expect(all?.truncatedShare == 1.0 / 3)
    #expect(all?.flips == AnswerFlips(problemCount: 3, rightToWrong: 1, wrongToRight: 0))
    #expect(all?.tokenChange?.value == 3)
    #expect(results[0].thinking?.accuracy.value == 0.5)
    #expect(results[1].thinking?.accuracy == Estimate(value: 0, standardError: nil))
    #expect(row.results(problems: [], reference: nil).isEmpty)
  }

  /// The subjects of mmlu have a score together, whatever else is asked.
  @Test func groupsAreMeansOverTheirProblems() {
    let problems = ["mmlu_law", "mmlu_law", "mmlu_art", "sums"].map {
      TaskProblem(task: $0, prompt: "?", answer: "x")
    }
    let row = RowAnswers(
      nonThinking: [true, false, true, false].map {
        TaskAnswer(isRight: $0, tokenCount: 1, isTruncated: false)
      })
    let groups = [
      TaskGroup(name: "mmlu", tasks: ["mmlu_law", "mmlu_art"]), TaskGroup(name: "none", tasks: ["other"]),
    ]
    let results = row.results(problems: problems, groups: groups, reference: nil)
    #expect(results.map(\.name) == ["mmlu_law", "mmlu_art", "sums", "mmlu", "all"])
    #expect(results[3].nonThinking?.accuracy.value == 2.0 / 3 && results[3].nonThinking?.problemCount == 3)
    // Lines without a subject belong to the group that has their name.
    let mixed = [TaskGroup(name: "sums", tasks: ["sums", "mmlu_law", "mmlu_art"])]
    #expect(
      row.results(problems: problems, groups: mixed, reference: nil).map(\.name)
        == ["mmlu_law", "mmlu_art", "sums", "all"])
  }
}
