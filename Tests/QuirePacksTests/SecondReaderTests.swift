import QuireFiles
import Foundation
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// `tools/read-pack`, written in Python from Format.md, against the reader of this package: they must agree on what
/// a pack holds and on what is none.
@Suite(.enabled(if: Tool("python3") != nil, "needs python3"))
struct SecondReaderTests {
  func reports(_ paths: [String]) throws -> [JSONValue] {
    let python = try #require(Tool("python3"))
    let outcome = try python.run([TestPaths.repository + "/tools/read-pack", "--json"] + paths)
    return try #require(try JSONValue.parse(outcome.output).arrayValue, "\(outcome.errors)")
  }

  @Test func agreesOnEveryTensor() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.large().write(to: folder)
    let reader = try PackReader(path: path)
    let found = try #require(try reports([path]).first?["tensors"]?.arrayValue)
    let expected = reader.tensors.map { tensor -> JSONValue in
      [
        "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
        "scheme": .string(tensor.scheme), "group": tensor.group.map { .int($0) } ?? .null,
        "rawBytes": .int(tensor.rawBytes), "packedBytes": .int(tensor.packedBytes),
        "hashes": .array(tensor.streams.map { .string(ContentHash.hexadecimal($0.hash)) }),
      ]
    }
    #expect(found == expected)
  }

  @Test func agreesOnTheManifest() throws {
    let folder = TemporaryFolder()
    let path = try SamplePack.small().write(to: folder)
    let python = try #require(Tool("python3"))
    let outcome = try python.run([TestPaths.repository + "/tools/read-pack", "--manifest", path])
    let reader = try PackReader(path: path)
    #expect(try JSONValue.parse(outcome.output) == reader.manifest.json(tensors: reader.tensors))
  }

  @Test func refusesWhatIsHostileOrDamaged() throws {
    let folder = TemporaryFolder()
    var paths: [String] = []
    for (index, hostile) in HostilePackTests.cases.enumerated() {
      paths.append(folder.write(hostile.bytes, to: "hostile\(index)"))
    }
    var sample = SamplePack()
    sample.addBrainFloats("a", [40], seed: 1)
    sample.addQuantized("b", [32, 64], "int4", 32, seed: 2)
    let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: sample.write(to: folder))))
    var generator = SeededGenerator(seed: 8)
    for index in 0..<200 {
      var bytes = whole
      bytes[Int.random(in: 0..<whole.count, using: &generator)] ^= UInt8.random(
        in: 1...255, using: &generator)
      paths.append(folder.write(bytes, to: "flipped\(index)"))
      let end = Int.random(in: 0..<whole.count, using: &generator)
      paths.append(folder.write(whole.prefix(end), to: "cut\(index)"))
    }
    let reports = try reports(paths)
    #expect(reports.count == paths.count)
    for report in reports { #expect(report["fault"]?.stringValue?.isEmpty == false, "\(report)") }
  }
}
