import QuireEvaluation
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText
import TestSupport
import Testing

@Suite struct AblationTests {
  private static let configuration = ModelConfiguration(
    hiddenSize: 256, headSize: 64, vocabularySize: 512, tiesEmbeddings: false,
    layers: [LayerShape](
      repeating: LayerShape(queryHeadCount: 8, keyValueHeadCount: 4, intermediateSize: 512), count: 2))

  private static func subject(
    _ configuration: ModelConfiguration = configuration, isPack: Bool = false, available: Int = 1 << 40
  ) -> AblationSubject {
    AblationSubject(
      isPack: isPack, configuration: configuration, storedBytes: 2 * configuration.parameterCount,
      availableBytes: available)
  }

  private static func plan(
    _ subject: AblationSubject = subject(), _ techniques: [AblationTechnique] = AblationTechnique.allCases,
    threadCount: Int = 4, slots: Int = 8, measuresAlone: Bool = true
  ) -> AblationPlan {
    AblationPlan(
      subject, techniques: techniques, threadCount: threadCount, slots: slots, measuresAlone: measuresAlone)
  }

  @Test func everyTechniqueIsMeasuredAloneAndAmongTheOthers() {
    let plan = Self.plan()
    #expect(plan.notes == [])
    #expect(plan.axes.map(\.technique) == AblationTechnique.allCases)
    #expect(plan.none.weights == .float32 && plan.all.weights == .int4)
    #expect(plan.none.threadCount == 1 && plan.all.threadCount == 4)
    let settings = plan.settings
    #expect(Set(settings).count == settings.count)
    for axis in plan.axes {
      for level in axis.levels {
        #expect(settings.contains(plan.none.with(level)), "\(axis.technique) \(level)")
        #expect(settings.contains(plan.all.with(level)), "\(axis.technique) \(level)")
      }
    }
    // The reference differs from `all` only where answers may change.
    #expect(plan.reference.weights == .float32 && !plan.reference.isPruned)
    #expect(plan.reference.cacheType == .float32)
    #expect(plan.reference.threadCount == 4 && plan.reference.batching == .continuous)
  }

  @Test func withoutAloneNothingRunsWithTheOthersOff() {
    let plan = Self.plan(measuresAlone: false)
    #expect(!plan.settings.contains(plan.none))
    #expect(
      plan.settings.allSatisfy { setting in
        plan.axes.contains { $0.levels.contains { plan.all.with($0) == setting } }
      })
  }

  @Test func techniquesThatAreNotNamedStayOn() {
    let plan = Self.plan(Self.subject(), [.lookup])
    #expect(plan.axes == [.init(.lookup, [.lookup(false), .lookup(true)])])
    #expect(plan.none == plan.all.with(.lookup(false)))
    #expect(plan.all.weights == .int4 && plan.all.threadCount == 4 && plan.all.keepsPrefixes)
    // Pruning takes a calibration run, so it is done only where it was asked for.
    #expect(!plan.all.isPruned)
  }

  @Test func whatAModelCannotShowIsSaid() {
    let pack = Self.plan(Self.subject(isPack: true), threadCount: 1, slots: 1)
    #expect(pack.axes.map(\.technique) == [.cacheType, .prefixCache, .lookup])
    #expect(pack.notes.count == 4)
    #expect(pack.notes[0].contains("a pack has the formats that its recipe chose"))
    #expect(pack.settings.allSatisfy { $0.weights == .stored })
    let pruned = Self.configuration.replacingLayers([
      Self.configuration.layers[0],
      LayerShape(queryHeadCount: 6, keyValueHeadCount: 3, intermediateSize: 512),
    ])
    #expect(Self.subject(pruned).headsNote?.contains("has been pruned already") == true)
    let single = Self.configuration.replacingLayers(
      [LayerShape](
        repeating: LayerShape(queryHeadCount: 4, keyValueHeadCount: 1, intermediateSize: 512), count: 2))
    #expect(Self.subject(single).headsNote?.contains("one KV group") == true)
    let small = Self.subject(available: 5 * Self.configuration.parameterCount)
    #expect(small.weights == [.bf16, .int8, .nl4, .int4])
    #expect(small.weightsNote?.contains("float32 weights take") == true)
    #expect(!small.keepsModels)
  }

  /// The group of nl4 and int4 must divide the output projection before and after a KV group is removed.
  @Test func theGroupDividesPrunedWidths() {
    #expect(Self.subject().group == 128)
    let narrow = Self.configuration.replacingLayers(
      [LayerShape](
        repeating: LayerShape(queryHeadCount: 4, keyValueHeadCount: 4, intermediateSize: 512), count: 2))
    #expect(Self.subject(narrow).group == 64)
  }

  @Test func widthsWithoutAGroupLeaveTheFormatsWithGroupsOut() {
    let odd = Self.configuration.replacingLayers(
      [LayerShape](
        repeating: LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 500), count: 2))
    let subject = Self.subject(odd)
    #expect(subject.weights == [.float32, .bf16, .int8])
    #expect(subject.weightsNote == "nl4 and int4 need widths that are multiples of 32, found 500")
  }

  @Test func readsRecordedRequests() throws {
    let text = """
      {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 5, "temperature": 0.3, "model": "x"}

      {"messages": [{"role": "user", "content": "no"}], "chat_template_kwargs": {"enable_thinking": false}}
      """
    let read = try RecordedRequests(Array(text.utf8), name: "r.jsonl").requests
    #expect(read.map(\.maximumTokens) == [5, nil])
    #expect(read.map(\.mode) == [.thinking, .nonThinking])
    #expect(try RecordedRequests.bundled.requests.count >= 10)
    #expect(try RecordedRequests.bundled.ignored == [])
  }

  /// Members that would change answers and are not read are counted, unless they ask for what is done anyway.
  @Test func ignoredMembersAreCounted() throws {
    func line(_ members: String) -> String {
      #"{"messages": [{"role": "user", "content": "hi"}], \#(members)}"# + "\n"
    }
    let text =
      line(#""n": 1, "stop": null, "response_format": {"type": "text"}, "temperature": 0.3"#)
      + line(#""n": 2, "stop": ["\n"], "response_format": {"type": "json_object"}"#)
      + line(#""stop": "x", "presence_penalty": 0.0, "tool_choice": "auto""#)
    let ignored = try RecordedRequests(Array(text.utf8), name: "r.jsonl").ignored
    #expect(ignored.map(\.name) == ["n", "response_format", "stop"])
    #expect(ignored.map(\.requestCount) == [1, 1, 2])
  }

  @Test(arguments: [
    (#"{"prompt": "x"}"#, "r.jsonl, line 1: expected a request with \"messages\", found no such member"),
    ("[]", "r.jsonl, line 1: expected a request with \"messages\", found an array"),
    ("{", "r.jsonl, line 1: expected a JSON object, found an error"),
    (#"{"messages": []}"#, "at least one message"),
    (#"{"messages": [{"role": "user", "content": "x"}], "max_tokens": 0}"#, "found 0; correct or remove"),
    (
      #"{"messages": [{"role": "user", "content": "x"}], "max_tokens": 1e99}"#, "a whole number of at least 1"
    ),
    (#"{"messages": [{"role": "user", "content": "x"}], "tools": 3}"#, "\"tools\", an array of objects"),
    ("\n", "expected at least one request in r.jsonl, found none"),
  ])
  func refusesLinesThatAreNoRequests(_ text: String, _ part: String) {
    let error = #expect(throws: EvaluationError.self) {
      try RecordedRequests(Array(text.utf8), name: "r.jsonl")
    }
    #expect(error?.description.contains(part) == true, "\(error?.description ?? "")")
  }

  /// All techniques on a tiny checkpoint: bits are the same where they must be, and the plainest formats change nothing.
  @Test func ablatesATinyCheckpoint() throws {
    let subject = TinySubject()
    let requests = (0..<5).map {
      "{\"messages\": [{\"role\": \"user\", \"content\": \"hello there \($0 % 2)\"}], \"max_tokens\": 6}\n"
    }
    subject.folder.write(requests.joined().utf8, to: "requests.jsonl")
    var options = AblationOptions(threadCount: 2)
    options.roundCount = 2
    options.slots = 2
    var stages: [AblationProgress.Stage] = []
    let report = try Ablation(model: subject.path, options: options).run { stages.append($0.stage) }
    #expect(report.method.requests.hasSuffix("requests.jsonl") && report.method.requestCount == 5)
    #expect(report.faults.isEmpty)
    let identical = report.rows.filter { $0.isIdentical == true }.map(\.technique)
    #expect(Set(identical) == [.prefixCache, .batching, .threads, .lookup])
    let float = try #require(report.variants.first { $0.setting == report.plan.none })
    #expect(float.accuracy?.divergence.value == 0)
    #expect(float.accuracy?.sameAnswerCount == 5)
    #expect(report.variants.count == report.plan.settings.count)
    #expect(report.variants.allSatisfy { $0.tokensPerSecond > 0 && $0.memoryBytes > 0 })
    let small = try #require(report.variants.first { $0.setting == report.plan.all })
    #expect(small.memoryBytes < float.memoryBytes)
    #expect(stages.contains(.measuring) && stages.contains(.checking))
    let text = report.text(width: 100)
    #expect(text.contains("Answers are the same to the last bit of every log-probability with and without: "))
    #expect(text.split(separator: "\n").contains { $0.hasPrefix("Weights in int8 instead of bf16: ") })
    let json = report.json
    #expect(json["rows"]?.arrayValue?.count == report.rows.count)
    #expect(json["allTogether"]?["tokensPerSecond"]?["median"]?.doubleValue != nil)
    #expect(AblationPage(report).html.contains("<h2>Gains</h2>"))
  }

  @Test func onlyTheScoredPartOfAWindowIsPredicted() {
    let windows: [[Int32]] = [[1, 2, 3, 4], [5, 6, 7]]
    let all = ScoringPlan(windows: windows, rowLimit: 16)
    let answers = ScoringPlan(windows: windows, rowLimit: 16, firstScored: [3, 1])
    #expect(all.steps.flatMap(\.targets) == [2, 3, 4, 6, 7])
    #expect(answers.steps.flatMap(\.targets) == [4, 6, 7])
    #expect(answers.steps.flatMap(\.batch.logitRows) == [2, 4, 5])
    #expect(answers.steps.map(\.batch.tokens) == all.steps.map(\.batch.tokens))
  }
}
