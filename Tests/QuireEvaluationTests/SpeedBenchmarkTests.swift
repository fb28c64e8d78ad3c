import QuireEvaluation
import QuireJSON
import QuireModel
import QuireTensors
import Testing

@Suite(.serialized) struct SpeedBenchmarkTests {
  static let configuration = ModelConfiguration(
    hiddenSize: 64, headSize: 16, vocabularySize: 96, tiesEmbeddings: false, maximumPositions: 256,
    layers: Array(
      repeating: LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 128), count: 2))

  static func model(_ compute: Compute, format: WeightFormat = .int4(group: 32)) throws -> Model {
    try Model.random(
      configuration, format: format, embeddingFormat: .int8(group: 32), seed: 1, team: compute.team)
  }

  static func report(_ plan: SpeedPlan, format: WeightFormat = .int4(group: 32)) throws -> SpeedReport {
    let compute = Compute(threadCount: 2)
    let benchmark = try SpeedBenchmark(
      model: try model(compute, format: format), name: "tiny", plan: plan, compute: compute)
    return try benchmark.run(version: "1.2.3", processor: "a test") { _, _, _ in }
  }

  @Test func plansARowForEachCombination() {
    let plan = SpeedPlan(promptTokens: [8, 32], generateTokens: 4, batches: [1, 3])
    #expect(plan.cases.map(\.phase) == [.prompt, .prompt, .decode, .decode])
    #expect(plan.cases.map(\.batch) == [1, 1, 1, 3])
    #expect(plan.cases.map(\.context) == [0, 0, 8, 8])
    #expect(plan.cases.map(\.tokens) == [8, 32, 4, 4])
    let long = SpeedPlan(promptTokens: [8], generateTokens: 4, batches: [2], contexts: [0, 100])
    #expect(long.cases.map(\.context) == [0, 100, 0, 100])
    #expect(SpeedPlan(promptTokens: [], batches: [2]).cases.map(\.phase) == [.decode])
    #expect(SpeedPlan(generateTokens: 0).cases.map(\.phase) == [.prompt])
  }

  /// The names that scripts hold on to.
  @Test func writesTheBindingKeys() throws {
    let plan = SpeedPlan(promptTokens: [40], generateTokens: 3, batches: [1, 5], stepTokens: 16)
    let json = try Self.report(plan).json
    #expect(try JSONValue.parse(Array(json.serialized().utf8)) == json)
    #expect(json["isa"]?.stringValue == InstructionSet.detected.rawValue)
    #expect(json["threads"]?.intValue == 2)
    for limit in ["int8GMACPerSecond", "readGBPerSecond"] {
      #expect(try #require(json["limits"]?[limit]?.doubleValue) > 0)
    }
    let rows = try #require(json["rows"]?.arrayValue)
    #expect(rows.map { $0["phase"]?.stringValue } == ["prompt", "decode", "decode"])
    #expect(rows.map { $0["batch"]?.intValue } == [1, 1, 5])
    #expect(rows.map { $0["context"]?.intValue } == [0, 40, 40])
    for row in rows {
      for key in [
        "tokensPerSecond", "gmacPerSecond", "shareOfCompute", "gbPerSecond", "shareOfBandwidth",
        "shareOfRoofline",
      ] {
        #expect(try #require(row[key]?.doubleValue) > 0, "\(key)")
      }
    }
    #expect(json["version"]?.stringValue == "1.2.3")
    #expect(json["machine"]?["processor"]?.stringValue == "a test")
    #expect(json["model"]?["formats"]?.arrayValue?.compactMap(\.stringValue) == ["int4 g32", "int8 g32"])
  }

  /// Every figure of a row follows from the median time, the work and the limits of the row.
  @Test func figuresFollowFromTheMedianTime() throws {
    let report = try Self.report(
      SpeedPlan(promptTokens: [32], generateTokens: 5, batches: [4], contexts: [10]), format: .int8(group: 64)
    )
    // A layer's matrices: queries and output 64 x 64, keys and values 32 x 64, three of the MLP 128 x 64.
    let layers = 2 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 128 * 64)
    let head = 96 * 64
    let (prompt, decode) = (report.rows[0], report.rows[1])
    #expect(isNear(prompt.multiplyAddsPerSecond * prompt.medianSeconds, Double(32 * layers + head)))
    #expect(isNear(decode.multiplyAddsPerSecond * decode.medianSeconds, Double(4 * (layers + head))))
    #expect(isNear(prompt.tokensPerSecond * prompt.medianSeconds, 32))
    #expect(isNear(decode.tokensPerSecond * decode.medianSeconds, 4))
    // Codes and scales (bf16, one for 64 columns, of head and embedding for 32), keys and values in float16 of all
    // positions seen: 11 in the first of 5 steps, 13 on average. The embedding gives a row a token.
    let weights = layers + 2 * layers / 64 + head + 2 * head / 32 + 4 * (64 + 2 * 64 / 32)
    let keysAndValues = 2 * 2 * 2 * 16 * 2 * 4 * 13
    #expect(isNear(decode.bytesPerSecond * decode.medianSeconds, Double(weights + keysAndValues)))
    #expect(
      isNear(decode.shareOfCompute, decode.multiplyAddsPerSecond / decode.limits.int8MultiplyAddsPerSecond))
    #expect(isNear(decode.shareOfBandwidth, decode.bytesPerSecond / decode.limits.readBytesPerSecond))
    #expect(decode.shareOfRoofline >= max(decode.shareOfBandwidth, decode.shareOfCompute) * 0.999)
    #expect(decode.seconds.count == 5)
    #expect(decode.seconds.sorted()[2] == decode.medianSeconds)
  }

  @Test func printsARowForEachCase() throws {
    let table = try Self.report(SpeedPlan(promptTokens: [8], generateTokens: 2, batches: [2])).table(
      width: 120)
    #expect(table.contains("tiny, 2 layers, int4 g32 and int8 g32"))
    #expect(table.contains("quire 1.2.3, \(InstructionSet.detected.rawValue), 2 threads, a test"))
    let lines = table.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(lines.filter { $0.first == "prompt" }.map { $0.prefix(4) } == [["prompt", "1", "0", "8"]])
    #expect(lines.filter { $0.first == "decode" }.map { $0.prefix(4) } == [["decode", "2", "8", "2"]])
  }

  @Test func memoryIsKnownBeforeItIsTaken() {
    let plan = SpeedPlan(promptTokens: [64], generateTokens: 64, batches: [4], keyValueElement: .float32)
    let memory = SpeedMemory(plan, configuration: Self.configuration, weightBytes: 1000)
    // 4 sequences of 128 positions; 2 layers, keys and values, 2 heads of 16 floats.
    #expect(memory.cacheBytes == 4 * 128 * 2 * 2 * 2 * 16 * 4)
    #expect(
      memory.totalBytes == 1000 + memory.cacheBytes + memory.workspaceBytes + LimitMeter.memoryBytes)
    #expect(throws: Never.self) { try memory.check(available: memory.totalBytes) }
    #expect(throws: SpeedError.memory(needed: memory, available: memory.totalBytes - 1)) {
      try memory.check(available: memory.totalBytes - 1)
    }
  }

  @Test func errorsSayWhatIsNeededAndWhatToDo() throws {
    let memory = SpeedMemory(
      SpeedPlan(), configuration: try #require(PublishedShape(named: "qwen3-8b")).configuration,
      weightBytes: 16 << 30)
    let sentence = SpeedError.memory(needed: memory, available: 3 << 30).description
    #expect(sentence.contains(" of memory for the benchmark ("))
    #expect(sentence.contains("weights 17.2 GB"))
    #expect(sentence.contains("found only 3.22 GB available; choose a smaller shape"))
    #expect(throws: SpeedError.positions(wanted: 264, most: 256)) {
      try Self.report(SpeedPlan(promptTokens: [8], generateTokens: 8, batches: [1], contexts: [256]))
    }
    #expect(
      SpeedError.positions(wanted: 264, most: 256).description
        == "expected at most 256 positions a sequence, which is what the model was made for, found 264; choose a shorter context, prompt or answer"
    )
  }

  /// What decoding reads is filled, everywhere, with values that cannot overflow.
  @Test(arguments: KeyValueElement.allCases)
  func randomKeysAndValuesGiveFiniteLogits(element: KeyValueElement) throws {
    let compute = Compute(threadCount: 2)
    let model = try Self.model(compute)
    let cache = KeyValueCache(Self.configuration, blockCount: 4, element: element)
    let pass = ForwardPass(model: model, cache: cache, compute: compute, maximumRows: 1)
    let slice = ForwardBatch.Slice(rowCount: 1, firstPosition: 100, blocks: [0, 1, 2, 3])
    let batch = ForwardBatch(tokens: [7], sequences: [slice], logitRows: [0])
    let before = Array(pass.run(batch))
    cache.fillRandomly(seed: 3, compute: compute)
    let after = Array(pass.run(batch))
    #expect(before != after)
    #expect(after.allSatisfy { $0.isFinite })
  }
}

private func isNear(_ left: Double, _ right: Double) -> Bool { abs(left - right) <= 1e-9 * abs(right) }
