import Foundation
import QuireFiles
import QuireJSON
import QuirePacks
import TestSupport
import Testing

/// Journals that were changed after they were written: what is found is what the journal was at an earlier time, and the
/// finished pack is the same, byte for byte.
@Suite struct JournalDamageTests {
  let folder = TemporaryFolder()
  let sample = SamplePack.small()
  var path: String { folder.path + "/a.quire" }
  var journalPath: String { path + ".journal.partial" }

  private func contents(_ path: String) throws -> [UInt8] {
    try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
  }

  /// Writes what is missing of the first `count` tensors, a part for each; the number that was found.
  @discardableResult
  private func run(until count: Int, finishing: Bool = false) throws -> Int {
    let writer = try PackWriter(path: path, resumeKey: "k")
    let found = writer.tensors.count
    #expect(writer.tensors.map(\.name) == sample.tensors.prefix(found).map(\.name))
    #expect(writer.notes == sample.tensors.prefix(found).map { "after \($0.name)" })
    for tensor in sample.tensors.prefix(count).dropFirst(found) {
      try sample.add(tensor, to: writer)
      try writer.endPart(note: "after \(tensor.name)")
    }
    if finishing { try writer.finish(manifest: sample.manifest) }
    return found
  }

  /// One of: a flipped bit, a lost, doubled, moved or cut line, a line of an earlier run of the same key.
  private func damaged(_ journal: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
    var lines = journal.split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
    let index = Int.random(in: 0..<lines.count, using: &generator)
    let other = Int.random(in: 0..<lines.count, using: &generator)
    switch Int.random(in: 0..<5, using: &generator) {
    case 0:
      lines[index][Int.random(in: 0..<lines[index].count, using: &generator)] ^=
        1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: lines.remove(at: index)
    case 2: lines.insert(lines[index], at: other)
    case 3: lines.swapAt(index, other)
    default: lines[index].removeLast(Int.random(in: 1..<lines[index].count, using: &generator))
    }
    return lines.flatMap { $0 }
  }

  @Test func twoHundredDamagesGiveTheSamePack() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    try run(until: 6)
    let (pack, journal) = (try contents(path + ".partial"), try contents(journalPath))
    var generator = SeededGenerator(seed: 11)
    for number in 0..<200 {
      folder.write(pack, to: "a.quire.partial")
      folder.write(damaged(journal, &generator), to: "a.quire.journal.partial")
      #expect(try run(until: sample.tensors.count, finishing: true) <= 6)
      #expect(try contents(path) == whole, "damage \(number)")
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test func damagedBytesOfTheUnfinishedPackGiveTheSamePack() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    try run(until: 6)
    let (pack, journal) = (try contents(path + ".partial"), try contents(journalPath))
    var generator = SeededGenerator(seed: 12)
    for _ in 0..<50 {
      var changed = pack
      changed[Int.random(in: 0..<changed.count, using: &generator)] ^= 16
      folder.write(changed, to: "a.quire.partial")
      folder.write(journal, to: "a.quire.journal.partial")
      #expect(try run(until: sample.tensors.count, finishing: true) < 6)
      #expect(try contents(path) == whole)
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test func aJournalWithoutChecksumsIsNotBelieved() throws {
    try run(until: 3)
    let lines = try contents(journalPath).split(separator: UInt8(ascii: "\n"))
    folder.write(lines.flatMap { $0.dropFirst(17) + [UInt8(ascii: "\n")] }, to: "a.quire.journal.partial")
    #expect(try run(until: 0) == 0)
  }

  @Test func aPackWithoutAllTensorsIsNotFinished() throws {
    let shapes = Dictionary(uniqueKeysWithValues: sample.tensors.map { ($0.name, $0.shape) })
    let writer = try PackWriter(path: path)
    for tensor in sample.tensors.dropLast(2) { try sample.add(tensor, to: writer) }
    let error = #expect(throws: PackError.self) {
      try writer.finish(manifest: sample.manifest, shapes: shapes)
    }
    #expect(
      error?.description
        == "expected all tensors of the model in the unfinished pack \(path), found 6 of 8 tensors, without "
        + "\"float16\"; delete the .partial files next to it and convert again")
    for tensor in sample.tensors.suffix(2) { try sample.add(tensor, to: writer) }
    try writer.finish(manifest: sample.manifest, shapes: shapes)
    try PackReader(path: path).check(shapes: shapes)
  }

  @Test func aReaderCountsTensors() throws {
    let reader = try PackReader(path: sample.write(to: folder))
    var shapes = Dictionary(uniqueKeysWithValues: sample.tensors.map { ($0.name, $0.shape) })
    func found() -> String? {
      let error = #expect(throws: PackError.self) { try reader.check(shapes: shapes) }
      return error?.description.replacing(reader.path, with: "FILE")
    }
    shapes["more"] = [1]
    #expect(
      found()
        == "expected a valid list of the model's tensors in FILE, found 8 of 9 tensors, without \"more\"; "
        + "do not trust this file")
    shapes["more"] = nil
    shapes["norm"] = [63]
    #expect(
      found()?.contains("found the tensor \"norm\" of shape [64] where the configuration has [63]") == true)
    shapes["norm"] = nil
    #expect(found()?.contains("found the tensor \"norm\", which the configuration does not have") == true)
  }
}
