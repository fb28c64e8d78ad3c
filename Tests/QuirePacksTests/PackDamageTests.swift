import Foundation
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Files that were whole once. Every change must be found, in one sentence.
@Suite struct PackDamageTests {
  /// What opening and verifying says, nil when it finds nothing.
  func complaint(_ path: String) -> PackError? {
    do throws(PackError) {
      try PackReader(path: path).verify()
    } catch {
      return error
    }
    return nil
  }

  func isOneSentence(_ error: PackError) -> Bool {
    let text = error.description
    return text.hasPrefix("expected ") && text.contains(", found") && !text.contains("\n")
      && text.utf8.count < 400
  }

  /// Changes one byte of the file, looks, and changes it back.
  func complaint(_ path: String, _ file: FileHandle, flipping mask: UInt8, at offset: Int) throws
    -> PackError?
  {
    try file.seek(toOffset: UInt64(offset))
    let byte = try #require(try file.read(upToCount: 1)?.first)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: [byte ^ mask])
    let found = complaint(path)
    try file.seek(toOffset: UInt64(offset))
    try file.write(contentsOf: [byte])
    return found
  }

  @Test func everyFlippedByteIsFound() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.large().write(to: folder)
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    let size = try PackReader(path: path).fileBytes
    var generator = SeededGenerator(seed: 300)
    for _ in 0..<300 {
      let offset = Int.random(in: 0..<size, using: &generator)
      let mask = UInt8.random(in: 1...255, using: &generator)
      let error = try complaint(path, file, flipping: mask, at: offset)
      #expect(error.map(isOneSentence) == true, "byte \(offset) of \(size), mask \(mask)")
    }
    #expect(complaint(path) == nil)
  }

  /// A pack so small that nearly all of it is structure: every byte, and each of its bits in turn.
  @Test func everyBitOfTheStructureIsFound() throws {
    var sample = SamplePack()
    sample.manifest = PackManifest()
    sample.addBrainFloats("a", [40], seed: 1)
    sample.addRaw("b", [9], "float16", 2, seed: 2)
    let folder = TemporaryFolder()
    let path = try sample.write(to: folder)
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    let size = try PackReader(path: path).fileBytes
    #expect(size < 900)
    for offset in 0..<size {
      for bit in 0..<8 {
        let error = try complaint(path, file, flipping: 1 << bit, at: offset)
        #expect(error.map(isOneSentence) == true, "bit \(bit) of byte \(offset) of \(size)")
      }
    }
    #expect(complaint(path) == nil)
  }

  @Test func everyCutIsFoundOnOpening() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    var generator = SeededGenerator(seed: 5)
    let ends =
      Array(0..<300) + Array(bytes.count - 600..<bytes.count)
      + (0..<200).map { _ in Int.random(in: 300..<bytes.count, using: &generator) }
    let cut = folder.write(bytes, to: "cut.quire")
    for end in ends.sorted(by: >) {
      #expect(truncate(cut, off_t(end)) == 0)
      let error = #expect(throws: PackError.self) { try PackReader(path: cut) }
      #expect(error.map(isOneSentence) == true, "cut at \(end) of \(bytes.count)")
      if case .incomplete = error { continue }
      #expect(end == 0 && error == .notAPack(path: cut, found: "an empty file"), "cut at \(end): \(error!)")
    }
  }

  @Test func theSentenceOfACut() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    func sentence(_ size: Int) throws -> String {
      #expect(truncate(path, off_t(size)) == 0)
      let error = #expect(throws: PackError.self) { try PackReader(path: path) }
      return try #require(error).description.replacing(path, with: "FILE")
    }
    #expect(
      try sentence(50_000)
        == "expected a whole pack in FILE, found no seek table at the end of its 50000 bytes (cut short, or "
        + "something was appended); copy the file again or convert the checkpoint again")
    #expect(
      try sentence(100) == "expected a whole pack in FILE, found its first 100 bytes; "
        + "copy the file again or convert the checkpoint again")
    #expect(
      try sentence(20) == "expected a whole pack in FILE, found its first 20 bytes; "
        + "copy the file again or convert the checkpoint again")
  }

  @Test(arguments: [1, 9, 17, 100, 5000])
  func appendedBytesAreFound(_ count: Int) throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    // Zeros, and the file's own end once more: a footer where one is looked for.
    for tail in [[UInt8](repeating: 0, count: count), Array(bytes.suffix(count))] {
      let longer = folder.write(bytes + tail, to: "longer.quire")
      let error = #expect(throws: PackError.self) { try PackReader(path: longer) }
      #expect(error.map(isOneSentence) == true)
    }
  }

  @Test func bytesBeforeTheStartAreFound() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    let shifted = folder.write([0] + bytes, to: "shifted.quire")
    #expect(
      complaint(shifted)
        == .notAPack(path: shifted, found: "a file that starts with the bytes 00 51 2a 4d 18 10 00 00"))
    // Two packs in one file: the second one's end does not fit the whole.
    let doubled = folder.write(bytes + bytes, to: "doubled.quire")
    #expect(
      complaint(doubled)
        == .incomplete(
          path: doubled, found: "\(2 * bytes.count) bytes where \(bytes.count) belong"))
  }

  @Test func swappedFramesAreFound() throws {
    // Two streams of equal size exchange their frames: all checksums within the frames stay right.
    var sample = SamplePack()
    sample.addRaw("a", [512], "float32", 4, seed: 1)
    sample.addRaw("b", [512], "float32", 4, seed: 2)
    let folder = TemporaryFolder()
    let path = try sample.write(to: folder)
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
    let size = try PackReader(path: path).tensors[0].packedBytes
    let first = Array(bytes[24..<24 + size])
    bytes.replaceSubrange(24..<24 + size, with: bytes[24 + size..<24 + 2 * size])
    bytes.replaceSubrange(24 + size..<24 + 2 * size, with: first)
    let swapped = folder.write(bytes, to: "swapped.quire")
    #expect(
      complaint(swapped)
        == .damaged(path: swapped, part: "raw of tensor \"a\"", found: "a wrong checksum of its frames"))
  }

  @Test func aFileThatShrinksWhileOpenGivesASentence() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.large().write(to: folder)
    let reader = try PackReader(path: path)
    #expect(truncate(path, 1000) == 0)
    let error = #expect(throws: PackError.self) { try reader.verify() }
    #expect(error == .unreadable(path: path, reason: "the file became shorter while it was read"))
  }
}
