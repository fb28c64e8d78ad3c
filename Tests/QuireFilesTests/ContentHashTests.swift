import QuireFiles
import Testing

/// Values from the reference implementation of XXH64.
@Suite struct ContentHashTests {
  static let vectors: [(bytes: [UInt8], plain: String, seeded: String)] = [
    ([], "ef46db3751d8e999", "ac75fda2929b17ef"),
    (Array("a".utf8), "d24ec4f1a98c6e5b", "393da8b78992279b"),
    (Array("abc".utf8), "44bc2cf5ad770999", "1318df30094a85fd"),
    (Array(0..<31), "c346d2b59b4d8ee1", "71969c89a30a986a"),
    (Array(0..<32), "cbf59c5116ff32b4", "7181354774e0d600"),
    (Array(0..<33), "0c535d1acafb8ead", "57bd8ad0a0390e6d"),
    (Array(0..<100), "6ac1e58032166597", "8832442a88284f11"),
    ((0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }, "25275608a9cfc168", "9f86f3c163e57a0e"),
  ]

  @Test(arguments: vectors.indices)
  func agreesWithTheReference(_ index: Int) {
    let vector = Self.vectors[index]
    vector.bytes.withUnsafeBytes { bytes in
      #expect(ContentHash.hexadecimal(ContentHash.of(bytes)) == vector.plain)
      var seeded = ContentHash(seed: 2_654_435_761)
      seeded.update(bytes)
      #expect(seeded.hexadecimal == vector.seeded)
    }
  }

  @Test(arguments: [1, 3, 8, 31, 32, 33, 64, 100])
  func doesNotDependOnThePieces(_ size: Int) {
    let vector = Self.vectors[7]
    vector.bytes.withUnsafeBytes { bytes in
      var hash = ContentHash()
      for start in stride(from: 0, to: bytes.count, by: size) {
        hash.update(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + size, bytes.count)]))
      }
      #expect(hash.hexadecimal == vector.plain)
    }
  }
}
