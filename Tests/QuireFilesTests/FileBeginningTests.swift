import Foundation
import QuireFiles
import TestSupport
import Testing

/// An unfinished file of a killed run is told from a file of somebody else by its first bytes.
@Suite struct FileBeginningTests {
  private static let length: [UInt8] = [0x40, 1, 0, 0, 0, 0, 0, 0]
  private static let cases: [(FileBeginning, whole: [UInt8], others: [[UInt8]])] = [
    (
      .bytes(Array("GGUF".utf8)), Array("GGUF\u{3}".utf8),
      [Array("precious\n".utf8), Array("GGM".utf8), Array(" GGUF".utf8)]
    ),
    (
      .journal, Array("0123456789abcdef {\"key\":\"k\"}\n".utf8),
      [Array("precious\n".utf8), Array("{\"key\":1}".utf8), Array("0123456789abcdef key".utf8)]
    ),
    (
      .safetensors, length + Array("{\"a\":".utf8),
      [Array("precious\n".utf8), Array("hi\n".utf8), length + Array("[".utf8), Array("12345678{}".utf8)]
    ),
  ]

  /// A kill may leave any part of the first write.
  @Test func everyPartOfTheBeginningIsKnown() {
    for (beginning, whole, _) in Self.cases {
      for count in 0...whole.count where beginning != .safetensors || count == 0 || count > 4 {
        #expect(beginning.matches(Array(whole.prefix(count))), "\(beginning) \(count)")
      }
    }
  }

  @Test func otherFilesAreRefusedAndStay() throws {
    for (beginning, whole, others) in Self.cases {
      let folder = TemporaryFolder()
      for other in others {
        let partial = folder.write(other, to: "a.partial")
        #expect(!beginning.matches(other) && beginning.isForeign(partial))
        for resumes in [false, true] {
          #expect(throws: FileFailure(reason: "\(partial) is a file that quire has not written")) {
            try AtomicFile(path: folder.path + "/a", resumes: resumes, beginning: beginning)
          }
        }
        #expect(FileManager.default.contents(atPath: partial) == Data(other))
      }
      for own in [whole, []] {
        let partial = folder.write(own, to: "a.partial")
        #expect(!beginning.isForeign(partial))
        let file = try AtomicFile(path: folder.path + "/a", beginning: beginning)
        try file.write(whole)
        try file.commit()
      }
      #expect(FileManager.default.contents(atPath: folder.path + "/a") == Data(whole))
      #expect(!beginning.isForeign(folder.path + "/nowhere") && !beginning.isForeign(folder.path))
    }
  }
}
