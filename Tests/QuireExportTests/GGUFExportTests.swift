import QuireExport
import QuireFiles
import QuireModel
import QuireModelFiles
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// GGUF files, read back and compared with the model.
@Suite struct GGUFExportTests {
  private let folder = TemporaryFolder()

  private func export(
    _ sample: SampleModel, _ options: ExportOptions = ExportOptions(format: .gguf)
  ) throws -> (image: GGUFImage, plan: ExportPlan, model: Model) {
    let source = try sample.write(to: folder)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
    let path = folder.path + "/out.gguf"
    try Exporter(plan).write(to: path, replaces: true)
    return (try GGUFImage(path: path), plan, try sample.model())
  }

  @Test func everyFormatKeepsItsValues() throws {
    let sample = SampleModel(format: { name in
      switch name {
      case .embedding: .int8()
      case .head: .bf16
      case .layer(_, .outputProjection): .int8(group: 64)
      case .layer(_, .downProjection): .int4(group: 128)
      case .layer(_, .upProjection): .int4(group: 64)
      default: .int4(group: 32)
      }
    })
    let (image, plan, model) = try export(sample)
    #expect(!plan.text.contains("rounded:") && !plan.text.contains("dequantized:"))
    let types = [
      "token_embd": 8, "output": 30, "blk.0.attn_output": 8, "blk.1.ffn_down": 2, "blk.1.attn_q": 2,
    ]
    for (name, type) in types { #expect(image.entries[name + ".weight"]?.type == UInt32(type)) }
    for name in model.configuration.tensorNames {
      let values = name.isNorm ? model.norm(name).array : model.matrix(name).values
      let entry = try #require(image.entries[name.gguf])
      #expect(image.values(name.gguf) == values, "\(name)")
      #expect(entry.shape == name.shape(in: model.configuration).reversed() && entry.offset % 32 == 0)
      if name.isNorm { #expect(entry.type == 0) }
    }
    #expect(image.names.count == model.configuration.tensorNames.count)
  }

  @Test func metadataDescribesTheModelAndItsTokenizer() throws {
    let (image, _, model) = try export(SampleModel())
    func number(_ key: String) -> Double? {
      guard case .number(let number) = image.metadata[key] else { return nil }
      return number
    }
    #expect(image.metadata["general.architecture"] == .text("qwen3"))
    #expect(number("general.file_type") == 2 && number("general.sampling.top_k") == 20)
    #expect(number("qwen3.block_count") == 2 && number("qwen3.context_length") == 512)
    #expect(number("qwen3.attention.head_count") == 4 && number("qwen3.attention.head_count_kv") == 2)
    #expect(number("qwen3.attention.key_length") == 32 && number("qwen3.attention.value_length") == 32)
    #expect(number("qwen3.feed_forward_length") == 256 && number("qwen3.rope.freq_base") == 1e6)
    #expect(image.metadata["qwen3.rope.scaling.type"] == nil)
    #expect(image.metadata["tokenizer.ggml.pre"] == .text("qwen2"))
    #expect(image.metadata["tokenizer.chat_template"] == .text("{{ messages }}"))
    #expect(number("tokenizer.ggml.eos_token_id") == Double(TinyTokenizer.endOfTurn))
    #expect(number("tokenizer.ggml.padding_token_id") == Double(TinyTokenizer.endOfText))
    guard case .texts(let tokens) = image.metadata["tokenizer.ggml.tokens"],
      case .numbers(let kinds) = image.metadata["tokenizer.ggml.token_type"],
      case .texts(let merges) = image.metadata["tokenizer.ggml.merges"]
    else {
      Issue.record("no tokens")
      return
    }
    #expect(tokens.count == model.configuration.vocabularySize && kinds.count == tokens.count)
    #expect(tokens[32] == "Ġ" && kinds[32] == 1 && merges[0] == "h e" && merges.count == 8)
    #expect(tokens[TinyTokenizer.endOfTurn] == "<|im_end|>" && kinds[TinyTokenizer.endOfTurn] == 3)
    #expect(tokens[TinyTokenizer.thinkStart] == "<think>" && kinds[TinyTokenizer.thinkStart] == 4)
    #expect(tokens[319] == "[PAD319]" && kinds[319] == 5)
  }

  @Test func widthsThatNoBlockFitsBecomeFloats() throws {
    let layer = LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 132)
    let sample = SampleModel(
      configuration: SampleModel.configuration(layers: [layer]), format: { _ in .int8() })
    let (image, plan, model) = try export(sample)
    let down = TensorName.layer(0, .downProjection)
    #expect(image.entries[down.gguf]?.type == 0 && image.values(down.gguf) == model.matrix(down).values)
    #expect(plan.text.contains("dequantized: 1 matrix, which Q8_0, Q4_0 and IQ4_NL do not hold exactly"))
    let (half, _, _) = try export(sample, ExportOptions(format: .gguf, element: .float16))
    #expect(half.entries[down.gguf]?.type == 1 && half.entries["blk.0.attn_q.weight"]?.type == 8)
    let rounded = model.matrix(down).values.map { Float(halfBits: $0.halfBits) }
    #expect(half.values(down.gguf) == rounded)
  }

  @Test func scalesThatFloat16DoesNotHoldBecomeFloats() throws {
    let model = try SampleModel().model()
    // One scale of 2⁻³⁰, as another program may have written it.
    guard case .quantized(let query) = model.matrix(.layer(0, .queryProjection)) else { return }
    var scales = query.decodedScales()
    scales[5] = 0x1p-30
    let codes = query.decodedCodes()
    let tiny = try scales.withUnsafeBufferPointer { scales in
      try QuantizedMatrix.encode(
        codes: codes.pointer, scales: scales.baseAddress!, rows: query.rows, columns: query.columns,
        format: query.format)
    }
    withExtendedLifetime(codes) {}
    #expect(!ScaleTable(tiny).areHalf && ScaleTable(query).areHalf)
    #expect(HalfTable.shared.isExact[Int(Float(0x1p-24).bfloat16Bits)])
  }

  @Test func weightsBeyondFloat16AreRefused() throws {
    let checkpoint = TemporaryFolder()
    let tiny = TinyCheckpoint(layerCount: 1)
    tiny.write(to: checkpoint, extraTokens: []) { name, shape in
      var values = tiny.values(of: name, shape: shape)
      if name.contains("up_proj") { values[3] = 1e6 }
      return values
    }
    let plan = try ExportPlan(
      ModelSource(path: checkpoint.path), options: ExportOptions(format: .gguf, element: .float16),
      compute: Compute(threadCount: 2))
    // Often, because a thread that writes must not hold the file when the call returns.
    for _ in 0..<50 {
      #expect(throws: ExportError.tooLarge(tensor: "model.layers.0.mlp.up_proj.weight")) {
        try Exporter(plan).write(to: folder.path + "/f16.gguf", replaces: false)
      }
      #expect(AtomicFolder.entries(of: folder.path) == [])
    }
  }

  @Test func ropeScalingIsDescribedOrRefused() throws {
    func sample(_ scaling: RopeScaling) -> SampleModel {
      SampleModel(
        configuration: SampleModel.configuration(rope: RopeParameters(theta: 1e6, scaling: scaling)))
    }
    var yarn = YarnParameters(factor: 4, originalMaximumPositions: 128)
    let (image, _, _) = try export(sample(.yarn(yarn)))
    #expect(image.metadata["qwen3.rope.scaling.type"] == .text("yarn"))
    #expect(image.metadata["qwen3.rope.scaling.factor"] == .number(4))
    #expect(image.metadata["qwen3.rope.scaling.original_context_length"] == .number(128))
    let (linear, _, _) = try export(sample(.linear(factor: 2)))
    #expect(linear.metadata["qwen3.rope.scaling.type"] == .text("linear"))
    yarn.betaFast = 16
    #expect(throws: ExportError.rope(found: "YaRN with other settings")) { try export(sample(.yarn(yarn))) }
    let llama3 = Llama3Parameters(
      factor: 4, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaximumPositions: 64)
    #expect(throws: ExportError.rope(found: "the scaling of Llama 3")) { try export(sample(.llama3(llama3))) }
  }
}
