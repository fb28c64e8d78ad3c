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
}
