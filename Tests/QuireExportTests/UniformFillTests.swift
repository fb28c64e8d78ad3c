import QuireExport
import QuireModel
import QuireModelFiles
import QuireTensors
import TestSupport
import Testing

/// Layers that were pruned differently: refused, or filled with zeros without a change of the function.
@Suite struct UniformFillTests {
  private let folder = TemporaryFolder()

  private func sample(_ format: WeightFormat) -> SampleModel {
    SampleModel(
      configuration: SampleModel.configuration(layers: SampleModel.prunedLayers), format: { _ in format })
  }

  @Test func differentLayersAreRefusedWithBothWaysOut() throws {
    let source = try sample(.bf16).write(to: folder)
    for format in [ExportFormat.safetensors, .gguf] {
      let error = #expect(throws: ExportError.self) {
        try ExportPlan(source, options: ExportOptions(format: format), compute: Compute(threadCount: 1))
      }
      let sentence = error?.description ?? ""
      #expect(sentence.contains("3 query heads, 2 KV heads and 256 neurons in layer 0 but 2 query heads"))
      #expect(sentence.contains("the same \"remove\" for every layer") && sentence.contains("--fill-pruned"))
    }
  }

  @Test func aFilledModelComputesTheSame() throws {
    let sample = sample(.bf16)
    let source = try sample.write(to: folder)
    let options = ExportOptions(format: .safetensors, fillsPruned: true)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
    #expect(plan.configuration.isUniform)
    #expect(
      plan.configuration.layers[0]
        == LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 256))
    #expect(plan.text.contains("zeros bring every layer to 4 query heads, 2 KV heads and 256 neurons"))
    try Exporter(plan).write(to: folder.path + "/filled", replaces: false)
    let filled = try ModelSource(path: folder.path + "/filled").load(team: ThreadTeam(threadCount: 1))
    let difference = largestDifference(logits(filled), logits(try sample.model()))
    #expect(difference < 1e-4)
  }

  /// The logits of a short sequence.
  private func logits(_ model: Model) -> [Float] {
    let cache = KeyValueCache(model.configuration, blockCount: 1, element: .float32)
    let pass = ForwardPass(model: model, cache: cache, compute: Compute(threadCount: 1), maximumRows: 8)
    let slice = ForwardBatch.Slice(rowCount: 8, firstPosition: 0, blocks: [0])
    let batch = ForwardBatch(
      tokens: [1, 7, 30, 2, 99, 150, 3, 8], sequences: [slice], logitRows: Array(0..<8))
    return withExtendedLifetime((pass, cache)) { Array(pass.run(batch)) }
  }

  @Test(arguments: [WeightFormat.int4(group: 32), .int4(group: 64), .int8(group: 32), .int8()])
  func integersKeepTheirCodes(_ format: WeightFormat) throws {
    // Groups of 64 do not divide three heads of 32, so these matrices keep 32.
    let sample = SampleModel(
      configuration: SampleModel.configuration(layers: SampleModel.prunedLayers),
      format: { name in
        if case .layer(0, .outputProjection) = name, format.group == 64 { return .int4(group: 32) }
        return format
      })
    let source = try sample.write(to: folder)
    let options = ExportOptions(format: .safetensors, element: .float32, fillsPruned: true)
    let plan = try ExportPlan(source, options: options, compute: Compute(threadCount: 2))
    try Exporter(plan).write(to: folder.path + "/filled", replaces: false)
    let exported = try ExportedFolder(folder.path + "/filled")
    let model = try sample.model()
    // Layer 0: KV head 0 has one query head of two, so query head 1 is zeros and 1, 2 become 2, 3.
    let output = try exported.floats(TensorName.layer(0, .outputProjection).string)
    let expected = model.matrix(.layer(0, .outputProjection)).values
    for row in [0, 127] {
      let filled = Array(output[row * 128..<(row + 1) * 128])
      let stored = Array(expected[row * 96..<(row + 1) * 96])
      #expect(filled[0..<32] == stored[0..<32] && filled[32..<64].allSatisfy { $0 == 0 })
      #expect(Array(filled[64...]) == Array(stored[32...]))
    }
    let query = try exported.floats(TensorName.layer(0, .queryProjection).string)
    let rows = model.matrix(.layer(0, .queryProjection)).values
    #expect(Array(query[64 * 128..<96 * 128]) == Array(rows[32 * 128..<64 * 128]))
    #expect(query[32 * 128..<64 * 128].allSatisfy { $0 == 0 })
    let down = try exported.floats(TensorName.layer(1, .downProjection).string)
    let narrow = model.matrix(.layer(1, .downProjection)).values
    #expect(
      Array(down[256..<256 + 128]) == Array(narrow[128..<256]) && down[384..<512].allSatisfy { $0 == 0 })
  }

  @Test func groupsThatDoNotFitBecomeSmallerOrFloats() {
    let heads = BlockMap(blockSize: 32, sources: [0, nil, 1])
    let fill = ZeroFill(columns: heads, of: [128, 64])
    #expect(fill?.format(of: .int4(group: 64)) == .int4(group: 32))
    #expect(fill?.format(of: .int8()) == .int8() && fill?.format(of: .bf16) == .bf16)
    let narrow = ZeroFill(columns: BlockMap(blockSize: 16, sources: [0, nil, 1, 2]), of: [128, 48])
    #expect(narrow?.format(of: .int4(group: 32)) == .bf16)
    #expect(ZeroFill(rows: BlockMap(blockSize: 32, sources: [0, 1]), of: [64, 128]) == nil)
    let appended = BlockMap(appendingTo: 96, upTo: 256)
    #expect(appended.blockSize == 32 && appended.count == 256)
    #expect(appended.source(of: 95) == 95 && appended.source(of: 96) == nil)
  }

  @Test func parallelSizesFollowTheShape() {
    func sizes(_ queries: Int, _ keys: Int, group: Int = 1) -> [Int] {
      let layer = LayerShape(queryHeadCount: queries, keyValueHeadCount: keys, intermediateSize: 12288)
      let configuration = ModelConfiguration(
        hiddenSize: 4096, headSize: 128, vocabularySize: 151_936, tiesEmbeddings: false, layers: [layer])
      return TensorParallelism(configuration: configuration, outputGroup: group, downGroup: group).sizes
    }
    #expect(sizes(32, 8) == [1, 2, 4, 8, 16, 32])
    #expect(sizes(28, 7) == [1] && sizes(24, 6) == [1, 2])
    #expect(sizes(24, 8) == [1, 2, 4, 8] && sizes(16, 4, group: 128) == [1, 2, 4, 8, 16])
  }
}
