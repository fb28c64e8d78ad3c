import QuireCheckpoints
import QuireJSON
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText
import TestSupport
import Testing

/// GGUF files opened as models (`tools/make-gguf-fixtures` writes them).
@Suite struct GGUFSourceTests {
  private static let fixtures = TestPaths.repository + "/Tests/QuireCheckpointsTests/Fixtures/gguf"

  @Test func theTokenizerIsThatOfTheFile() throws {
    let source = try ModelSource(path: Self.fixtures + "/legacy.gguf")
    let folder = TemporaryFolder()
    TinyTokenizer.write(to: folder)
    let tokenizer = try source.tokenizer()
    // The same merges and added tokens, but the file has the tokens of bytes in their own order.
    let other = try Tokenizer(folder: folder.path)
    for text in ["hello there\n\n in a", "<|im_start|>user\nhi<|im_end|>", "é🙂 12 it's", "<think>"] {
      #expect(tokenizer.encode(text) == other.encode(text), "\(text)")
      #expect(String(decoding: tokenizer.decode(tokenizer.encode(text)), as: UTF8.self) == text)
    }
    #expect(tokenizer.vocabularySize == TinyTokenizer.vocabularySize)
    #expect(tokenizer.endOfSequenceIDs.contains(Int32(TinyTokenizer.endOfTurn)))
    #expect(tokenizer.configuration?["chat_template"] == "{{ messages }}")
    #expect(source.name == "legacy" && !source.isPack)
  }

  @Test func contentsAreNamedByTheirTypes() throws {
    let source = try ModelSource(path: Self.fixtures + "/k.gguf")
    let tensors = try source.tensors()
    #expect(Set(tensors.map(\.scheme)) == ["F32", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "Q8_0"])
    #expect(try source.configuration().layerCount == 1 && source.notices() == [])
    #expect(try source.size().fileBytes > 300_000)
    // All are read as float32, whatever they take in the file.
    #expect(try source.hasQuantizedMatrices && source.loadedBytes() == 4 * source.size().parameterCount)
    #expect(try source.generationConfiguration()?["top_k"] == 20)
    #expect(source.generationConfigurationPath.hasSuffix("k.gguf: general.sampling"))
  }

  @Test func aDamagedFileIsNamedWhenItIsRead() throws {
    let folder = TemporaryFolder()
    let path = folder.write("GGUF\u{3}\0\0\0".utf8, to: "qwen3.gguf")
    let error = #expect(throws: ModelFileError.self) { try ModelSource(path: path).configuration() }
    #expect(
      error?.description
        == "expected the number of tensors in \(path), found the file's end before it; download the file again"
    )
  }

  @Test(arguments: ["floats", "legacy", "k", "levels", "split-00001-of-00003"])
  func logitsAgreeWithTransformers(name: String) throws {
    let golden = GoldenFile(path: Self.fixtures + "/golden.safetensors")
    let kind = name.hasPrefix("split") ? "legacy" : name
    let model = try ModelSource(path: "\(Self.fixtures)/\(name).gguf").load(team: ThreadTeam(threadCount: 2))
    let ids = golden.int32s(kind + ".ids")
    let cache = KeyValueCache(
      model.configuration, blockCount: KeyValueCache.blockCount(positions: ids.count), element: .float32)
    let pass = ForwardPass(
      model: model, cache: cache, compute: Compute(threadCount: 2), maximumRows: ids.count)
    let batch = ForwardBatch(
      tokens: ids,
      sequences: [
        .init(
          rowCount: ids.count, firstPosition: 0,
          blocks: (0..<KeyValueCache.blockCount(positions: ids.count)).map { Int32($0) })
      ], logitRows: Array(ids.indices))
    let logits = pass.run(batch)
    let found = Array(logits[0..<ids.count * model.configuration.vocabularySize])
    let difference = largestDifference(found, golden.floats(kind + ".logits"))
    #expect(difference <= 1e-3, "\(name)")
    withExtendedLifetime(pass) {}
  }
}
