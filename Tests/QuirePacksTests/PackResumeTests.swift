import Foundation
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Conversions that are killed and run again.
@Suite struct PackResumeTests {
  let folder = TemporaryFolder()
  let sample = SamplePack.large()
  var path: String { folder.path + "/a.quire" }

  func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path)) }

  /// Writes the first `count` tensors that are not there yet and goes away; the number found there.
  @discardableResult
  func run(key: String, until count: Int, finishing: Bool = false) throws -> Int {
    let writer = try PackWriter(path: path, resumeKey: key)
    let found = writer.tensors.count
    #expect(writer.tensors.map(\.name) == sample.tensors.prefix(found).map(\.name))
    #expect(writer.notes == sample.tensors.prefix(found).map { "behind \($0.name)" })
    for tensor in sample.tensors.prefix(count).dropFirst(found) {
      try sample.add(tensor, to: writer)
      try writer.endPart(note: "behind \(tensor.name)")
    }
    if finishing { try writer.finish(manifest: sample.manifest) }
    return found
  }

  @Test func goesOnBehindTheLastTensor() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    #expect(try run(key: "k", until: 4) == 0)
    #expect(try run(key: "k", until: 9) == 4)
    #expect(try run(key: "k", until: sample.tensors.count, finishing: true) == 9)
    #expect(try contents(path) == whole)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.quire", "whole.quire"])
  }

  @Test func anotherKeyStartsAfresh() throws {
    try run(key: "recipe 1", until: 4)
    #expect(PackWriter.unfinishedKey(at: path) == "recipe 1")
    #expect(try PackWriter(path: path, resumeKey: "recipe 2").discardedKey == "recipe 1")
    #expect(PackWriter.unfinishedKey(at: path) == nil, "no part is complete")
    #expect(try run(key: "recipe 2", until: 2) == 0)
    #expect(try run(key: "recipe 2", until: sample.tensors.count, finishing: true) == 2)
    try PackReader(path: path).verify()
  }

  @Test func aPartIsFoundWholeOrNotAtAll() throws {
    var writer: PackWriter? = try PackWriter(path: path, resumeKey: "k")
    for tensor in sample.tensors.prefix(3) { try sample.add(tensor, to: try #require(writer)) }
    try writer?.endPart(note: "three", synchronizes: true)
    for tensor in sample.tensors[3..<5] { try sample.add(tensor, to: try #require(writer)) }
    writer = nil
    writer = try PackWriter(path: path, resumeKey: "k")
    #expect(writer?.notes == ["three"] && writer?.tensors.count == 3)
  }

  @Test func withoutAWholePartNothingStays() throws {
    var writer: PackWriter? = try PackWriter(path: path, resumeKey: "k")
    try sample.add(sample.tensors[0], to: try #require(writer))
    writer = nil
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [])
  }

  @Test func whatCannotBeUsedIsForgotten() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    try run(key: "k", until: 6)
    var writer: PackWriter? = try PackWriter(path: path, resumeKey: "k")
    try writer?.restart()
    #expect(writer?.tensors == [] && writer?.notes == [])
    for tensor in sample.tensors { try sample.add(tensor, to: try #require(writer)) }
    try writer?.finish(manifest: sample.manifest)
    writer = nil
    #expect(try contents(path) == whole)
    try run(key: "k", until: 6)
    writer = try PackWriter(path: path, resumeKey: "k")
    writer?.keepsUnfinished = false
    writer = nil
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["a.quire", "whole.quire"])
  }

  /// Any prefix of both files, as a kill or a power cut may leave them: never a wrong byte in the end.
  @Test func anyCutEndsInTheSameBytes() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    try run(key: "k", until: sample.tensors.count)
    let partial = try contents(path + ".partial")
    let journal = try contents(path + ".journal.partial")
    var generator = SeededGenerator(seed: 21)
    var resumed = 0
    for round in 0..<24 {
      let partialSize = round % 3 == 0 ? partial.count : Int.random(in: 0...partial.count, using: &generator)
      let journalSize = round % 3 == 1 ? journal.count : Int.random(in: 0...journal.count, using: &generator)
      folder.write(partial.prefix(partialSize), to: "a.quire.partial")
      folder.write(journal.prefix(journalSize), to: "a.quire.journal.partial")
      resumed += try run(key: "k", until: sample.tensors.count, finishing: true)
      #expect(try contents(path) == whole, "\(partialSize) and \(journalSize) bytes")
    }
    #expect(resumed > 40)
  }

  /// A journal whose line was kept while its bytes were lost.
  @Test func bytesThatDoNotFitTheJournalAreWrittenAgain() throws {
    let whole = try contents(sample.write(to: folder, "whole.quire"))
    try run(key: "k", until: 10)
    var partial = try contents(path + ".partial")
    let deep = try #require(sample.tensors.firstIndex { $0.name == "wide" })
    for index in partial.count - 3000..<partial.count { partial[index] = 0 }
    folder.write(partial, to: "a.quire.partial")
    let found = try run(key: "k", until: sample.tensors.count, finishing: true)
    #expect(found == 9 && deep < found)
    #expect(try contents(path) == whole)
  }

  @Test func garbageInTheJournalStartsAfresh() throws {
    try run(key: "k", until: 5)
    folder.write("{\"key\":\"k\"}\n{\"tensor\":{},\"frames\":[]}\n".utf8, to: "a.quire.journal.partial")
    #expect(try run(key: "k", until: sample.tensors.count, finishing: true) == 0)
    try PackReader(path: path).verify()
  }
}
