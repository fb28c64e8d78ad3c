import QuireFiles
import Testing

/// Values from the reference implementation of XXH64.
@Suite struct ContentHashTests {
  static let vectors: [(bytes: [UInt8], hash: String)] = [
    ([], "ef46db3751d8e999"),
    (Array("a".utf8), "d24ec4f1a98c6e5b"),
    (Array("abc".utf8), "44bc2cf5ad770999"),
    (Array(0..<31), "c346d2b59b4d8ee1"),
    (Array(0..<32), "cbf59c5116ff32b4"),
    (Array(0..<33), "0c535d1acafb8ead"),
    (Array(0..<100), "6ac1e58032166597"),
    ((0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }, "25275608a9cfc168"),
  ]

  @Test(arguments: vectors.indices)
  func agreesWithTheReference(_ index: Int) {
    let vector = Self.vectors[index]
    vector.bytes.withUnsafeBytes { bytes in
      #expect(ContentHash.hexadecimal(ContentHash.of(bytes)) == vector.hash)
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
      #expect(hash.hexadecimal == vector.hash)
    }
  }
}
