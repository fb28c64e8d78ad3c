import Foundation
import QuireCheckpoints
import QuireExport
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText
import TestSupport
import Testing

/// A pack exported to GGUF and read again.
@Suite struct GGUFRoundTripTests {
  private let folder = TemporaryFolder()

  @Test func everyFormatKeepsCodesAndScales() throws {
    let sample = SampleModel(format: { name in
      switch name {
      case .embedding: .int8()
      case .head: .bf16
      case .layer(_, .outputProjection): .int8(group: 64)
      case .layer(_, .downProjection): .int4(group: 128)
      case .layer(_, .upProjection): .int4(group: 64)
      case .layer(_, .gateProjection): .nl4(group: 128)
      case .layer(_, .keyProjection): .nl4(group: 32)
      default: .int4(group: 32)
      }
    })
    let source = try sample.write(to: folder)
    let plan = try ExportPlan(
      source, options: ExportOptions(format: .gguf), compute: Compute(threadCount: 2))
    let path = folder.path + "/out.gguf"
    try Exporter(plan).write(to: path, replaces: true)

    let model = try sample.model()
    let read = try ModelSource(path: path)
    let loader = try LayerLoader(try read.checkpoint(for: "a test").checkpoint, keepsGrids: true)
    #expect(loader.configuration == (try source.configuration()))
    for name in model.configuration.tensorNames where !name.isNorm {
      let shape = name.shape(in: model.configuration)
      let found = try loader.matrix(name, rows: shape[0], columns: shape[1])
      let expected = model.matrix(name)
      #expect(found.format == expected.format, "\(name)")
      guard case .quantized(let one) = found, case .quantized(let other) = expected else {
        #expect(found.values == expected.values)
        continue
      }
      #expect(Array(one.codes) == Array(other.codes) && Array(one.scales) == Array(other.scales), "\(name)")
    }
    // Read as floats, the values are the same.
    let floats = try read.load(team: ThreadTeam(threadCount: 1))
    for name in model.configuration.tensorNames where !name.isNorm {
      #expect(floats.matrix(name).values == model.matrix(name).values, "\(name)")
    }
    let tokenizer = try read.tokenizer()
    #expect(tokenizer.sourceJSON == (try source.tokenizer().sourceJSON))
    // The formats are not equal: the file names the beginning-of-sequence token of config.json, as GGUF files do, and a
    // template may read that variable. The tokenizer of this model has none.
    let expected = try source.tokenizer()
    #expect(expected.chatFormat.format != nil)
    #expect(tokenizer.chatFormat.summary == expected.chatFormat.summary)
    for name in ["chat_template", "eos_token", "pad_token"] {
      #expect(expected.configuration?[name]?.stringValue != nil)
      #expect(tokenizer.configuration?[name] == expected.configuration?[name], "\(name)")
    }
    #expect(try read.generationConfiguration()?["temperature"]?.doubleValue == 0.6)
  }

  /// A tiny checkpoint with a changed file, exported; and the export read again.
  private func exported(
    changing file: String, _ change: (inout JSONObject) -> Void
  ) throws -> (plan: String, source: ModelSource, read: ModelSource) {
    TinyCheckpoint().write(to: folder)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.path + "/" + file))
    var members = try #require(JSONValue.parse([UInt8](bytes)).objectValue)
    change(&members)
    folder.write(JSONValue.object(members).serialized().utf8, to: file)
    let source = try ModelSource(path: folder.path)
    let plan = try ExportPlan(source, options: ExportOptions(format: .gguf), compute: Compute(threadCount: 2))
    let path = folder.path + "/out.gguf"
    try Exporter(plan).write(to: path, replaces: true)
    return (plan.text, source, try ModelSource(path: path))
  }

  /// The tokens around a text that is not a chat: those of embedding models, for example.
  @Test(arguments: [
    ([TinyTokenizer.endOfText], [TinyTokenizer.endOfTurn], true), ([], [TinyTokenizer.endOfTurn], true),
    ([TinyTokenizer.thinkStart], [], true), ([], [TinyTokenizer.endOfText], false),
    ([TinyTokenizer.endOfText, TinyTokenizer.endOfTurn], [], false),
  ])
  func tokensAroundATextAreKept(before: [Int], after: [Int], isHeld: Bool) throws {
    func piece(_ id: Int) -> JSONValue { ["SpecialToken": ["id": .string("t\(id)"), "type_id": 0]] }
    var tokens = JSONObject()
    for id in before + after {
      tokens["t\(id)"] = ["id": .string("t\(id)"), "ids": [.int(id)], "tokens": []]
    }
    let (plan, source, read) = try exported(changing: "tokenizer.json") { members in
      members["post_processor"] = [
        "type": "TemplateProcessing",
        "single": .array(before.map(piece) + [["Sequence": ["id": "A", "type_id": 0]]] + after.map(piece)),
        "special_tokens": .object(tokens),
      ]
    }
    let (own, found) = (
      try source.tokenizer().encodeDocument("hello"), try read.tokenizer().encodeDocument("hello")
    )
    #expect(own.count == (try source.tokenizer().encode("hello").count) + before.count + after.count)
    #expect((own == found) == isHeld)
    #expect(plan.contains("added to each text") != isHeld)
  }

  @Test func namedChatTemplatesAreKept() throws {
    let templates: JSONValue = [
      ["name": "default", "template": "{{ messages }}"],
      ["name": "tool_use", "template": "{{ messages }}{{ tools }}"],
    ]
    let (_, source, read) = try exported(changing: "tokenizer_config.json") {
      $0["chat_template"] = templates
    }
    func found(_ model: ModelSource) throws -> [ChatTemplates.Template] {
      ChatTemplates(configuration: try model.tokenizer().configuration).templates
    }
    #expect(try found(read) == found(source) && found(read).count == 2)
    let (_, _, lone) = try exported(changing: "tokenizer_config.json") {
      $0["chat_template"] = [["name": "rag", "template": "{{ messages }}"]]
    }
    #expect(try found(lone).map(\.text) == ["{{ messages }}"])
  }

  /// The plan's text, and the file read again.
  private func exported(_ sample: SampleModel) throws -> (plan: String, read: ModelSource) {
    let plan = try ExportPlan(
      try sample.write(to: folder), options: ExportOptions(format: .gguf), compute: Compute(threadCount: 2))
    let path = folder.path + "/out.gguf"
    try Exporter(plan).write(to: path, replaces: true)
    return (plan.text, try ModelSource(path: path))
  }

  @Test(
    arguments: [
      (["do_sample": false], ["do_sample": false]),
      (
        ["do_sample": false, "temperature": 0.6, "top_k": -1, "min_p": 0.25],
        ["do_sample": false, "top_k": 0, "min_p": 0.25]
      ),
      (
        ["temperature": 0.5, "repetition_penalty": 1.5, "top_p": 1],
        ["do_sample": true, "temperature": 0.5, "repetition_penalty": 1.5, "top_p": 1]
      ),
    ] as [(JSONValue, [String: JSONValue])])
  func samplingIsKept(_ generation: JSONValue, _ expected: [String: JSONValue]) throws {
    let (plan, read) = try exported(SampleModel(generation: generation))
    #expect(!plan.contains("generation settings:"))
    let found = try #require(try read.generationConfiguration()?.objectValue)
    #expect(found.members.count == expected.count, "\(found)")
    for (name, value) in expected {
      #expect(
        found[name]?.boolValue == value.boolValue && found[name]?.doubleValue == value.doubleValue, "\(name)")
    }
  }

  @Test func settingsWithoutAKeyAreNamed() throws {
    let sample = SampleModel(
      generation: [
        "presence_penalty": 1.5, "max_new_tokens": 9, "pad_token_id": 1, "transformers_version": "4",
        "typical_p": .null,
      ], tokenFlags: ["<think>": "lstrip", "<|im_end|>": "single_word"])
    let (plan, _) = try exported(sample)
    #expect(
      plan.contains(
        "generation settings: GGUF has no key for presence_penalty and max_new_tokens of generation_config.json"
      ))
    #expect(
      plan.contains(
        "added tokens: GGUF cannot hold lstrip and single_word of \"<|im_end|>\" and \"<think>\","))
    #expect(try !exported(SampleModel()).plan.contains("added tokens:"))
  }

  @Test(
    arguments: [
      ([TinyTokenizer.endOfTurn], [TinyTokenizer.endOfTurn, TinyTokenizer.endOfText, 5]),
      ([TinyTokenizer.endOfTurn, TinyTokenizer.endOfText, 5], nil), ([5], [TinyTokenizer.endOfText]),
    ] as [([Int], [Int]?)])
  func allEndTokensAreKept(_ ids: [Int], _ others: [Int]?) throws {
    let sample = SampleModel(
      configuration: SampleModel.configuration(endOfSequenceIDs: ids),
      generation: others.map { ["eos_token_id": .array($0.map { .int($0) })] })
    let (plan, read) = try exported(sample)
    #expect(!plan.contains("end tokens:"))
    #expect(
      try read.configuration().endOfSequenceIDs.map(Int.init) == [
        TinyTokenizer.endOfTurn, 5, TinyTokenizer.endOfText,
      ])
  }

  @Test func endTokensBeyondThreeAreNamed() throws {
    let ends: [JSONValue] = [.int(TinyTokenizer.endOfTurn), 5, .int(TinyTokenizer.endOfText), 6, 7, 8]
    let (plan, read) = try exported(SampleModel(generation: ["eos_token_id": .array(ends)]))
    #expect(
      plan.contains("end tokens: GGUF has keys for three, so the tokens 7 and 8 will not end an answer"))
    #expect(try read.configuration().endOfSequenceIDs.map(Int.init) == [TinyTokenizer.endOfTurn, 5, 6])
  }
}
