import Foundation
import QuireFiles
import QuireTensors
import TestSupport
import Testing

@Suite struct ScratchFileTests {
  private let folder = TemporaryFolder()
  private let numbers = HostBuffer<UInt8>((0..<100).map { UInt8($0) })

  private func read(_ file: ScratchFile, at offset: Int, count: Int) throws -> [UInt8] {
    let buffer = HostBuffer<UInt8>(count: count)
    try file.read(at: offset, into: buffer.bytes)
    return Array(buffer.buffer)
  }

  @Test func bytesAreWhereTheyWerePut() throws {
    for file in [try ScratchFile(), try ScratchFile(path: folder.path + "/rows")] {
      try file.write(UnsafeRawBufferPointer(numbers.bytes), at: 5000)
      try file.write(UnsafeRawBufferPointer(rebasing: numbers.bytes.prefix(10)), at: 0)
      #expect(try read(file, at: 5003, count: 4) == [3, 4, 5, 6])
      #expect(try read(file, at: 8, count: 4) == [8, 9, 0, 0])
      #expect(throws: FileFailure.self) { try read(file, at: 5090, count: 11) }
    }
  }

  @Test func itGoesWithItsOwnerUnlessItIsKept() throws {
    let path = folder.path + "/rows"
    var file: ScratchFile? = try ScratchFile(path: path)
    try file?.write(UnsafeRawBufferPointer(numbers.bytes), at: 0)
    file?.keeps = true
    file = nil
    #expect(FileManager.default.fileExists(atPath: path))
    file = try ScratchFile(path: path)
    #expect(try read(try #require(file), at: 98, count: 2) == [98, 99])
    file = nil
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func aPlaceThatCannotBeWrittenIsASentence() {
    let failure = #expect(throws: FileFailure.self) { try ScratchFile(path: folder.path + "/no/rows") }
    #expect(failure?.reason == "no such file or directory")
  }
}
