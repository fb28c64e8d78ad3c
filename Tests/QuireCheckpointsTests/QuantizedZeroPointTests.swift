import Foundation
import QuireCheckpoints
import TestSupport
import Testing

/// Zero points of GPTQ's first version, which has one subtracted from all numbers of a word at once.
@Suite struct QuantizedZeroPointTests {
  private static let fixtures = TestPaths.modelFixtures + "/quantized/"
  private static let module = "model.layers.0.self_attn.q_proj"

  /// The values of a matrix of the fixture, with this word as the first of its zero points.
  private func values(_ fixture: String, word: UInt32) throws -> [Float] {
    let folder = TemporaryFolder()
    folder.write(
      try Data(contentsOf: URL(fileURLWithPath: Self.fixtures + fixture + "/config.json")), to: "config.json")
    let source = Self.fixtures + fixture + "/model.safetensors"
    let record = try #require(SafetensorsFile(path: source).record(Self.module + ".qzeros"))
    var bytes = try Data(contentsOf: URL(fileURLWithPath: source))
    withUnsafeBytes(of: word.littleEndian) {
      bytes.replaceSubrange(record.range.lowerBound..<record.range.lowerBound + 4, with: $0)
    }
    folder.write(bytes, to: "model.safetensors")
    let view = try Checkpoint(path: folder.path).tensor(Self.module + ".weight", shape: [128, 64])
    return withExtendedLifetime(view.owner) { Array(view.bytes.bindMemory(to: Float.self)) }
  }

  @Test(arguments: [0x8F10_7F08, 0x0000_0000, 0x1234_5678, 0xFFFF_FFF0] as [UInt32])
  func bothVersionsAreTheSame(word: UInt32) throws {
    #expect(try values("gptq-int4", word: word &- 0x1111_1111) == values("gptq-v2", word: word))
  }
}
