import QuireEvaluation
import QuireText
import TestSupport
import Testing

/// Files of each kind of task, invented for these tests, and how replies to them are judged.
@Suite struct TaskKindTests {
  private func problems(_ kind: TaskKind, _ text: String) throws -> [TaskProblem] {
    try TaskFile.parse(Array(text.utf8), file: "t.jsonl", kind: kind)
  }

  private func sentence(_ kind: TaskKind, _ text: String) -> String? {
    do throws(EvaluationError) {
      _ = try TaskFile.parse(Array(text.utf8), file: "t.jsonl", kind: kind)
      return nil
    } catch {
      return error.description
    }
  }

  /// The scores of a reply, by name.
  private func scores(
    _ content: String, to problem: TaskProblem, mode: ThinkingMode = .nonThinking, choices: [Double] = []
  ) -> [String: Double] {
    let reply = ReplyRecord(content: content, tokenCount: 5, thoughtTokens: 3, choiceScores: choices)
    let found = problem.kind.judge(reply, to: problem, mode: mode)
    return Dictionary(uniqueKeysWithValues: found.scores.map { ($0.name, $0.value) })
  }

  @Test func wordProblemsAreJudgedByTheirLastAndTheirMarkedNumber() throws {
    let line =
      #"{"question": "Ann has 1,000 beads and buys 5. How many?", "answer": "1000+5=1005\n#### 1,005"}"#
    let problem = try #require(try problems(.gsm8k, line).first)
    #expect(problem.prompt == "Question: Ann has 1,000 beads and buys 5. How many?\nAnswer:")
    let (last, marked) = ("exact_match,flexible-extract", "exact_match,strict-match")
    #expect(scores("1000+5\n#### 1005", to: problem) == [last: 1, marked: 1])
    #expect(scores("She has $1,005.", to: problem) == [last: 1, marked: 0])
    // lm-eval ignores commas, so this is the marked number too.
    #expect(scores("#### 1005, or so, of 7", to: problem) == [last: 0, marked: 1])
    #expect(scores("#### 1005 of 7", to: problem) == [last: 0, marked: 1])
    #expect(scores("none", to: problem) == [last: 0, marked: 0])
    #expect(sentence(.gsm8k, #"{"question": "?", "answer": "5"}"#)?.contains("#### ") == true)
  }

  @Test func choicesAreScoredByLikelihoodAndByLetter() throws {
    let arc =
      #"{"id": "x", "question": "What is wet?", "choices": {"text": ["sand", "water in a cup"], "label": ["1", "2"]}, "answerKey": "2"}"#
    let problem = try #require(try problems(.arc, arc).first)
    #expect(problem.prompt == "Question: What is wet?\nAnswer:" && problem.rightChoice == 1)
    // Less likely as a whole, more likely per character.
    #expect(scores("", to: problem, choices: [-4, -8]) == ["acc_norm,none": 1, "acc,none": 0])
    for reply in ["B", "The answer is (B).", "A is dry.\nAnswer: b", "Not A but B."] {
      #expect(scores(reply, to: problem, mode: .thinking) == ["exact_match,letter": 1], "\(reply)")
    }
    #expect(scores("A", to: problem, mode: .thinking) == ["exact_match,letter": 0])

    let mmlu =
      #"{"question": " 1+1? ", "subject": "small_sums", "choices": ["1", "2", "3", "4"], "answer": 1}"#
    let sum = try #require(try problems(.mmlu, mmlu).first)
    #expect(sum.task == "mmlu_small_sums" && sum.prompt == "1+1?\nA. 1\nB. 2\nC. 3\nD. 4\nAnswer:")
    #expect(sum.introduction.hasSuffix("(with answers) about small sums.\n\n"))
    #expect(scores("", to: sum, choices: [-2, -1, -3, -4]) == ["acc,none": 1])

    let story =
      #"{"activity_label": "Baking", "ctx_a": "A man mixes dough.", "ctx_b": "he", "endings": ["bakes it [step] now.", "flies."], "label": "0"}"#
    let baking = try #require(try problems(.hellaswag, story).first)
    #expect(baking.prompt == "Baking: A man mixes dough. He")
    #expect(baking.choices == ["bakes it now.", "flies."])
  }

  @Test func questionsForgiveCaseArticlesAndPunctuation() throws {
    let line = #"{"question": "Who painted it?", "answer": "the Blue Rider", "answers": ["Blue Horseman"]}"#
    let problem = try #require(try problems(.qa, line).first)
    for reply in [
      "blue rider.", "It was long ago.\nThe answer is: **Blue Horseman**!", "Answer: a blue rider",
    ] {
      #expect(scores(reply, to: problem) == ["exact_match,none": 1], "\(reply)")
    }
    #expect(scores("blue", to: problem) == ["exact_match,none": 0])
    let number = try #require(try problems(.qa, #"{"question": "?", "answer": 1200}"#).first)
    #expect(scores("1,200.0", to: number) == ["exact_match,none": 1])
  }

  /// What Markdown and punctuation do around an answer, and what is left when nothing else is there.
  @Test(arguments: [
    ("42", "**Answer:** 42", true), ("42", "**Answer:**\n\n42.", true),
    ("42", "_The answer is:_ ** 42 **", true),
    ("42", "answer: 41\nSo the answer is 42", true), ("42", "The answer is 41. Answer: 42", true),
    ("41", "The answer is 41. Answer: 42", false), ("A", "The answer is A.", true), ("The", "**the**", true),
    ("An", "an", true), ("A", "B", false), ("!", "The answer is !", true), ("!", "`!`", true),
    ("*", "*", true),
    ("?", "!", false), ("0.5", ".5", true), ("0.5", "The answer is **.5**.", true), (".5", "$0.50", true),
    ("-0.5", "-.5", true), ("0.5", "5", false), ("5", ".5", false), ("-5", "5", false),
    ("the end", "**The end**", true),
  ])
  func questionsAreJudgedThroughMarks(_ answer: String, _ reply: String, _ isRight: Bool) throws {
    let problem = try #require(try problems(.qa, #"{"question": "?", "answer": "\#(answer)"}"#).first)
    #expect(scores(reply, to: problem) == ["exact_match,none": isRight ? 1 : 0])
  }

  /// The article is no letter, and languages without spaces between words have letters too.
  @Test(arguments: [
    ("The answer is a combination of both, so the right choice is **D**.", "D"), ("答案是D", "D"),
    ("答案是 D。", "D"),
    ("정답은D입니다", "D"), ("Answer: b", "B"), ("the answer is b.", "B"), ("the answer is (c) because", "C"),
    ("The answer is A because it fits, not D.", "A"), ("The answer is B. D is wrong.", "B"),
    ("The answer is **D**", "D"), ("Answer:\n\n**C**", "C"), ("I give no answer. B", "B"), ("ÉD", nil),
    ("DNA", nil),
    ("The answer is a *mix*: C", "C"), ("none", nil),
  ])
  func lettersStandAlone(_ reply: String, _ letter: String?) throws {
    let line =
      #"{"question": "?", "choices": {"text": ["w", "x", "y", "z"], "label": ["A", "B", "C", "D"]}, "answerKey": "D"}"#
    let problem = try #require(try problems(.arc, line).first)
    let record = ReplyRecord(content: reply, tokenCount: 5, thoughtTokens: 3)
    #expect(problem.kind.judge(record, to: problem, mode: .thinking).extracted == letter)
  }

  private static let bullets = "detectable_format:number_bullet_lists"
  private static let highlights = "detectable_format:number_highlighted_sections"
  private static let sections = "detectable_format:multiple_sections"
  private static let capitals = "change_case:capital_word_frequency"
  private static let below2 = #"{"capital_frequency": 2, "capital_relation": "less than"}"#
  private static let from2 = #"{"capital_frequency": 2, "capital_relation": "at least"}"#

  /// As lm-evaluation-harness's code counts them.
  @Test(arguments: [
    (bullets, #"{"num_bullets": 2}"#, "* a\n- b", true),
    (bullets, #"{"num_bullets": 2}"#, "* a\r\n\r\n- b\r\n", true),
    (bullets, #"{"num_bullets": 1}"#, "*\ntext", true),
    (bullets, #"{"num_bullets": 1}"#, "*\n* b", true),
    (bullets, #"{"num_bullets": 0}"#, "text\n*", true),
    (bullets, #"{"num_bullets": 0}"#, "**bold**", true),
    (highlights, #"{"num_highlights": 2}"#, "***x***", true),
    (highlights, #"{"num_highlights": 2}"#, "**x**", false),
    (highlights, #"{"num_highlights": 2}"#, "*x* **y**", true),
    (highlights, #"{"num_highlights": 1}"#, "*x\ny*", false),
    (sections, #"{"section_spliter": "Section", "num_sections": 2}"#, "Section 1 Section2", true),
    (
      "detectable_format:json_format", "{}", #"{"a": [NaN, -Infinity, Infinity], "a": "NaN \" Infinity"}"#,
      true
    ),
    ("detectable_format:json_format", "{}", #"{"a": -NaN}"#, false),
    ("detectable_format:json_format", "{}", #"{"a": nan}"#, false),
    (capitals, below2, "U.S.A. x", true),
    (capitals, below2, "P.S. Hi", true),
    (capitals, below2, "X_Y", true),
    (capitals, from2, "IT'S", true),
    (capitals, from2, "你好 é NASA's 12", false),
    (capitals, from2, "*BIG*, RED-HOT", true),
  ])
  func instructionsAreCheckedAsInPython(
    _ name: String, _ arguments: String, _ reply: String, _ isObeyed: Bool
  ) throws {
    let line = #"{"prompt": "p", "instruction_id_list": ["\#(name)"], "kwargs": [\#(arguments)]}"#
    let problem = try #require(try problems(.ifeval, line).first)
    #expect(scores(reply, to: problem)["prompt_level_strict_acc,none"] == (isObeyed ? 1 : 0))
  }

  @Test func instructionsAreChecked() throws {
    let line = """
      {"key": 1, "prompt": "Write.", "instruction_id_list": ["punctuation:no_comma", "detectable_format:title",
      "keywords:frequency"], "kwargs": [{}, {}, {"keyword": "sea", "frequency": 2, "relation": "at least"}]}
      """.replacing("\n", with: " ")
    let problem = try #require(try problems(.ifeval, line).first)
    let names = ["prompt_level_strict_acc,none", "inst_level_strict_acc,none"]
    let good = scores("<<The sea>>\nSea and shore", to: problem)
    #expect(names.allSatisfy { good[$0] == 1 })
    let bad = scores("<<The sea>>\nWaves, and shore", to: problem)
    #expect(bad[names[0]] == 0 && abs((bad[names[1]] ?? 0) - 1.0 / 3) < 1e-12)
    // Without its first line the reply has no comma.
    let loose = scores("Well, here:\n<<The sea>>\nSea and shore", to: problem)
    #expect(loose[names[0]] == 0 && loose["prompt_level_loose_acc,none"] == 1)
    #expect(
      sentence(
        .ifeval, #"{"prompt": "p", "instruction_id_list": ["language:response_language"], "kwargs": [{}]}"#)?
        .contains("language:response_language") == true)
  }

  @Test func descriptionsNameFilesAndExamples() throws {
    let folder = TemporaryFolder()
    folder.write(#"{"question": "2+2?", "answer": "4"}"#.utf8, to: "test.jsonl")
    folder.write(#"{"question": "1+1?", "answer": "2"}"#.utf8, to: "train.jsonl")
    let path = folder.write(
      "{ name: 'sums', kind: 'qa', file: 'test.jsonl', system: 'Be brief.', shots: { file: 'train.jsonl', count: 1 } }"
        .utf8, to: "sums.json5")
    let source = try TaskSource(argument: path)
    #expect(source.name == "sums" && source.kind == .qa && source.path == folder.path + "/test.jsonl")
    #expect(source.shotFile == folder.path + "/train.jsonl" && source.shotCount == 1)
    #expect(source.descriptionFile == path)
    #expect(try TaskSource(argument: "data.jsonl:gsm8k") == TaskSource(path: "data.jsonl", kind: .gsm8k))
    // Folders may have colons.
    let test = folder.write(#"{"question": "2+2?", "answer": "4"}"#.utf8, to: "my dir: x.jsonl")
    #expect(try TaskSource(argument: test + ":" + path).path == test)
    #expect(try TaskSource(argument: "a: b.jsonl:qa").path == "a: b.jsonl")
    let taken = folder.write("{ name: 'size', kind: 'qa', file: 'test.jsonl' }".utf8, to: "size.json5")
    let error = #expect(throws: EvaluationError.self) { try TaskSource(argument: taken) }
    #expect(error?.description.contains("expected another name than \"size\"") == true)
    #expect(error?.description.hasSuffix("correct the description") == true)
    do throws(EvaluationError) {
      _ = try TaskSource(argument: "data.jsonl:gsm9k")
      Issue.record("accepted")
    } catch {
      #expect(error.description.contains("found 'gsm9k'"))
    }
  }
}
