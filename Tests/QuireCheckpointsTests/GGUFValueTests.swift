import QuireJSON
import QuireTensors
import TestSupport
import Testing

import QuireCheckpoints

/// Values of GGUF files against those of the gguf package (`tools/make-gguf-fixtures`).
@Suite struct GGUFValueTests {
  private static let fixtures = TestPaths.repository + "/Tests/QuireCheckpointsTests/Fixtures/gguf"

  @Test(arguments: GGUFType.allCases.filter { $0.element == nil })
  func blocksHaveTheSameBits(type: GGUFType) throws {
    let golden = GoldenFile(path: Self.fixtures + "/blocks.safetensors")
    let blocks = try #require(golden.entries[type.name + ".blocks"]).bytes
    let expected = golden.floats(type.name + ".values")
    #expect(expected.count == blocks.count / type.blockBytes * type.blockValues && !expected.isEmpty)
    var values = [Float](repeating: 0, count: expected.count)
    blocks.withUnsafeBytes { blocks in
      values.withUnsafeMutableBufferPointer { GGUFBlocks.dequantize(type, blocks, into: $0.baseAddress!) }
    }
    #expect(values.map(\.bitPattern) == expected.map(\.bitPattern))
  }

  @Test(arguments: ["floats", "legacy", "k", "levels"])
  func tensorsHaveTheSameBits(name: String) throws {
    let golden = GoldenFile(path: Self.fixtures + "/golden.safetensors")
    let checkpoint = try Checkpoint(path: "\(Self.fixtures)/\(name).gguf")
    var sums: [UInt64] = []
    for name in checkpoint.tensorNames {
      let record = try #require(checkpoint.record(name))
      let view = try checkpoint.tensor(name, shape: record.shape)
      let bits = Self.floats(view).map(\.bitPattern)
      sums.append(bits.reduce(0) { $0 &+ UInt64($1) })
      sums.append(bits.enumerated().reduce(0) { $0 &+ UInt64($1.element) &* UInt64($1.offset + 1) })
      if record.shape.count == 2 {
        let rows = try checkpoint.rows(1..<3, of: name, shape: record.shape)
        #expect(
          Self.floats(rows).map(\.bitPattern) == Array(bits[record.shape[1]..<3 * record.shape[1]]), "\(name)"
        )
      }
    }
    let bytes = try #require(golden.entries[name + ".sums"]).bytes
    let expected = bytes.withUnsafeBytes { raw in
      (0..<bytes.count / 8).map { raw.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
    }
    #expect(sums == expected)
  }

  @Test func partsAreOneFile() throws {
    let whole = try Checkpoint(path: Self.fixtures + "/legacy.gguf")
    let parts = try Checkpoint(path: Self.fixtures + "/split-00001-of-00003.gguf")
    #expect(parts.weightFiles.count == 3 && parts.tensorNames == whole.tensorNames)
    #expect(parts.configuration == whole.configuration && parts.configuration["vocab_size"] == 288)
    for name in parts.tensorNames {
      let shape = try #require(whole.record(name)).shape
      let (one, other) = (try whole.tensor(name, shape: shape), try parts.tensor(name, shape: shape))
      #expect(Self.floats(one) == Self.floats(other), "\(name)")
    }
    let error = #expect(throws: CheckpointError.self) {
      try Checkpoint(path: Self.fixtures + "/split-00002-of-00003.gguf")
    }
    #expect(error?.description.contains("expected the first of 3 parts, NAME-00001-of-00003.gguf") == true)
  }

  @Test func hashesAreOfTheStoredBytes() throws {
    let checkpoint = try Checkpoint(path: Self.fixtures + "/legacy.gguf")
    let hashes = TensorHashes()
    for name in checkpoint.tensorNames {
      let shape = try #require(checkpoint.record(name)).shape
      _ = try checkpoint.tensor(name, shape: shape, noting: hashes)
    }
    #expect(hashes.all.count == checkpoint.tensorNames.count)
    #expect(try checkpoint.sourceHashes(known: hashes.all) == checkpoint.sourceHashes())
    #expect(try checkpoint.sourceHashes().map(\.file) == ["legacy.gguf"])
    #expect(try checkpoint.fileBytes() > 80_000)
  }

  private static func floats(_ view: TensorView) -> [Float] {
    let bytes = view.bytes
    return withExtendedLifetime(view.owner) {
      switch view.element {
      case .float32: Array(bytes.bindMemory(to: Float.self))
      case .float16: bytes.bindMemory(to: UInt16.self).map { Float(halfBits: $0) }
      default: bytes.bindMemory(to: UInt16.self).map { Float(bfloat16Bits: $0) }
      }
    }
  }
}
