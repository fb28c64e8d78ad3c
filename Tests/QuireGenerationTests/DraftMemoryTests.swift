import QuireCheckpoints
import QuireGeneration
import QuireModel
import QuireTensors
import TestSupport
import Testing

/// The memory of draft models and heads is known before it is taken.
@Suite struct DraftMemoryTests {
  private static let head = DraftHeadConfiguration(
    model: ModelConfiguration(
      hiddenSize: 4096, headSize: 128, vocabularySize: 32_000, tiesEmbeddings: false,
      layers: [LayerShape(queryHeadCount: 32, keyValueHeadCount: 8, intermediateSize: 12_288)]),
    targetHiddenSize: 4096, targetVocabularySize: 151_936)

  private func memory(_ change: (inout EngineOptions) -> Void = { _ in }, blocks: Int = 256) -> DraftMemory {
    var options = EngineOptions()
    change(&options)
    return DraftMemory(.head(Self.head), options: options, blockCount: blocks)
  }

  @Test func keysAndValuesHaveABlockMoreForEachSlot() {
    // Keys and values, 8 heads of 128, 32 positions, two bytes.
    let blockBytes = 2 * 8 * 128 * 32 * 2
    #expect(memory().cacheBytes == (256 + 16) * blockBytes)
    #expect(memory({ $0.maximumSlots = 1 }).cacheBytes == 257 * blockBytes)
    #expect(memory({ $0.keyValueElement = .float32 }).cacheBytes == 2 * (256 + 16) * blockBytes)
    #expect(memory(blocks: .max / 2).cacheBytes == 1 << 60, "no overflow")
  }

  /// Of an 8B model, tens of megabytes.
  @Test func hiddenStatesAreCounted() {
    let rowBytes = 3 * 4096 * 4
    let more = memory { $0.tokenBudget += 100 }
    #expect(more.bufferBytes - memory().bufferBytes == 100 * rowBytes)
    // The step's, the pending ones of each slot, and those of a pass.
    #expect(memory().bufferBytes > (512 + 16 * 48 + 256) * rowBytes)
    #expect(memory().bufferBytes < 2 * (512 + 16 * 48 + 256) * rowBytes)
  }

  @Test func passesTakeWhatIsPlanned() throws {
    let folder = TemporaryFolder()
    TinyDraftHead().write(to: folder)
    let model = EngineModelTests.model
    let compute = Compute(threadCount: 1)
    let head = try DraftHead(
      Checkpoint(path: folder.path), target: model.configuration, team: compute.team)
    let options = EngineOptions(threadCount: 1, maximumSlots: 4, contextLength: 288)
    let shape = try EngineShape(
      options, configuration: model.configuration, draft: head.configuration.model, vocabularySize: 300)
    let target = ForwardPass(
      model: model, cache: KeyValueCache(model.configuration, blockCount: 1, element: .float16),
      compute: compute, maximumRows: shape.tokenBudget, featureLayers: head.featureLayers)
    let pass = DraftHeadParts.pass(head, target: target, shape: shape, element: .float16, compute)
    let planned = DraftHeadPass.workspaceBytes(
      head.configuration, maximumRows: pass.maximumRows,
      maximumLogitRows: pass.maximumLogitRows)
    // The plan also counts the quantized inputs of the matrix products.
    #expect(planned >= pass.bufferBytes && planned <= 2 * pass.bufferBytes)
    let memory = DraftMemory(.head(head.configuration), options: options, blockCount: shape.blockCount)
    #expect(memory.cacheBytes == pass.cache.byteCount)
    let own = DraftMemory(.model(model.configuration), options: options, blockCount: shape.blockCount)
    #expect(
      own.cacheBytes
        == (shape.blockCount + 4) * KeyValueCache.blockBytes(model.configuration, element: .float16))
    #expect(
      own.bufferBytes
        == ForwardPass.workspaceBytes(
          model.configuration, maximumRows: DraftModelParts.maximumRows(slots: 4), maximumLogitRows: 4))
  }
}
