import Foundation
import QuireFiles
import QuireJSON
import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Packs with tensors of nl4 and nl3: their tables, delta packs with them, and the weights that a second reader finds.
@Suite struct LevelPackTests {
  private let folder = TemporaryFolder()
  private static let formats: [WeightFormat] = [
    .nl4(group: 64), .nl3(group: 32), .nl4(group: 32, scaleType: .float16),
  ]

  /// Random codes, and scales of both signs.
  private static func matrix(_ format: WeightFormat, rows: Int, columns: Int, seed: UInt64) throws
    -> QuantizedMatrix
  {
    var generator = SeededGenerator(seed: seed)
    let codes = (0..<rows * columns).map { _ in
      UInt8.random(in: 0...format.largestUnsignedCode, using: &generator)
    }
    let scales = (0..<rows * columns / (format.group ?? columns)).map { index in
      format.scaleType.value(
        format.scaleType.bits(generator.nextGaussian() * 0.01 + (index % 2 == 0 ? 0.05 : -0.05)))
    }
    return try QuantizedMatrix.encode(
      unsignedCodes: codes, zeros: nil, scales: scales, rows: rows, columns: columns, format: format)
  }

  private static func tensor(_ name: String, _ matrix: QuantizedMatrix) -> SamplePack.Tensor {
    let format = matrix.format
    return SamplePack.Tensor(
      name: name, shape: [matrix.rows, matrix.columns], scheme: format.name, group: format.group,
      streams: [
        (.codes, HostBuffer(Array(matrix.codes)), format.codeByteCount(rows: 32, columns: matrix.columns)),
        (
          .scales, HostBuffer(Array(UnsafeRawBufferPointer(matrix.scales))),
          2 * format.scaleCount(rows: 32, columns: matrix.columns)
        ),
      ])
  }

  private static func sample(_ formats: [WeightFormat], seed: UInt64 = 1) throws -> SamplePack {
    var pack = SamplePack()
    for (index, format) in formats.enumerated() {
      let matrix = try matrix(format, rows: 70, columns: 256, seed: seed + UInt64(index))
      pack.tensors.append(tensor("w\(index)", matrix))
    }
    return pack
  }

  @Test func theManifestHasTheTablesOfItsSchemes() throws {
    let tables = [
      "nl4": [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113],
      "nl3": [-127, -85, -53, -26, -2, 24, 54, 96],
    ]
    for (formats, names) in [
      ([WeightFormat.nl4(group: 32, scaleType: .float16)], ["nl4"]),
      ([.nl3(group: 64), .nl4(group: 64)], ["nl4", "nl3"]),
      ([], []),
    ] {
      var sample = try Self.sample(formats)
      sample.addBrainFloats("floats", [8, 64], seed: 3)
      let reader = try PackReader(path: sample.write(to: folder))
      let found = reader.manifest.json(tensors: reader.tensors)["levels"]
      #expect((found?.objectValue?.keys ?? []) == names)
      for name in names { #expect(found?[name]?.arrayValue?.compactMap(\.intValue) == tables[name]) }
      #expect(found == nil || !names.isEmpty)
      // A changed manifest keeps them.
      try PackWriter(path: folder.path + "/b.quire", copying: reader).finish(manifest: reader.manifest)
      let again = try PackReader(path: folder.path + "/b.quire")
      #expect(again.manifest == reader.manifest && again.tensors == reader.tensors)
    }
  }

  /// A pack is read, its manifest changed as text, and forged again with right checksums.
  private func refusal(_ sample: SamplePack, _ change: (inout JSONObject) -> Void) throws -> String? {
    let path = try sample.write(to: folder)
    let reader = try PackReader(path: path)
    var manifest = try #require(reader.manifest.json(tensors: reader.tensors).objectValue)
    change(&manifest)
    var forge = PackForge()
    forge.manifest = JSONValue.object(manifest).serialized()
    for tensor in sample.tensors {
      for stream in tensor.streams { forge.frames.append(.init(Array(stream.bytes.buffer))) }
    }
    let forged = folder.write(forge.bytes, to: "forged.quire")
    do {
      _ = try PackReader(path: forged)
      return nil
    } catch { return error.description.replacing(forged, with: "FILE") }
  }

  @Test func otherTablesAreRefused() throws {
    let sample = try Self.sample([.nl3(group: 64)])
    let expected = "expected the levels -127 -85 -53 -26 -2 24 54 96 of nl3 in FILE, found "
    let advice = "; read it with the program that wrote it, or convert the checkpoint again"
    #expect(
      try refusal(sample) { $0["levels"] = ["nl3": [-127, -85, -53, -26, -2, 24, 54, 97]] }
        == expected + "-127 -85 -53 -26 -2 24 54 97" + advice)
    #expect(try refusal(sample) { $0["levels"] = nil } == expected + "none" + advice)
    #expect(try refusal(sample) { $0["levels"] = ["nl3": [1, "a", 2.5]] } == expected + "1 ? ?" + advice)
    #expect(
      try refusal(sample) { $0["levels"] = ["nl3": .array(Array(repeating: 1, count: 1000))] }
        == expected + Array(repeating: "1", count: 16).joined(separator: " ") + " … (1000 numbers)" + advice)
    for levels in [JSONValue.null, 7, ["nl4": [1]]] {
      #expect(try refusal(sample) { $0["levels"] = levels } == expected + "none" + advice)
    }
    let others =
      "expected a valid member \"levels\" (the tables of the schemes that tensors have) in FILE, found others; do not trust this file"
    #expect(
      try refusal(sample) { $0["levels"] = ["nl3": [-127, -85, -53, -26, -2, 24, 54, 96], "nl5": []] }
        == others)
    var floats = SamplePack()
    floats.addRaw("f", [8, 8], "float32", 4, seed: 3)
    #expect(try refusal(floats) { $0["levels"] = [:] } == others)
    #expect(try refusal(floats) { _ in } == nil && refusal(sample) { _ in } == nil)
  }

  /// Codes of levels have no differences: such matrices are stored whole, or taken from the parent where they are equal.
  @Test func deltaPacksStoreLevelsWhole() throws {
    let tests = DeltaPackTests()
    let levels = try Self.sample(Self.formats + [.int8(group: 64), .int4(group: 32)])
    let integers = try Self.sample(
      [.int4(group: 64), .int8(group: 64), .int4(group: 32), .nl4(), .nl3()], seed: 50)
    for (child, parent) in [(levels, integers), (integers, levels), (levels, levels)] {
      let base = try parent.write(to: tests.folder, "base.quire")
      let whole = try child.write(to: tests.folder, "whole.quire")
      let delta = try tests.write(child, "delta.quire", parent: base)
      let reader = try PackReader(path: delta)
      try reader.verify()
      #expect(try tests.streams(reader) == tests.streams(PackReader(path: whole)))
      let sources = reader.tensors.map { $0.streams[0].source }
      let isSame = try tests.contents(base) == tests.contents(whole)
      #expect(sources.allSatisfy { $0 == (isSame ? .parent : .file) }, "\(sources)")
      #expect(try tests.contents(tests.flatten(delta, "flat.quire")) == tests.contents(whole))
    }
  }

  /// A delta pack that claims differences of levels, or from levels, has nothing that could restore its codes.
  @Test(arguments: ["child", "parent"])
  func claimedDifferencesAreRefused(_ which: String) throws {
    func renamed(_ forge: PackForge) -> PackForge {
      var forge = forge
      forge.manifest.replace("\"int4\"", with: "\"nl4\"")
      let table = WeightFormat.nl4().levels.map(String.init).joined(separator: ",")
      forge.manifest.replace("\"tensors\"", with: "\"levels\":{\"nl4\":[\(table)]},\"tensors\"")
      return forge
    }
    let parent = HostileDifferenceTests.Forge.parent
    let base = folder.write((which == "parent" ? renamed(parent) : parent).bytes, to: "base.quire")
    let contents = PackForge.hexadecimal(try PackReader(path: base).contentsHash)
    let delta = HostileDifferenceTests.Forge().delta(contents: contents)
    let path = folder.write((which == "child" ? renamed(delta) : delta).bytes, to: "delta.quire")
    let error = #expect(throws: PackError.self) { try PackReader(path: path, parents: ParentSearch([])) }
    #expect(
      error?.description.contains("found differences without codes of that shape in the parent") == true,
      "\(error?.description ?? "")")
  }

  /// Scales of integers may be negative too: their codes are predicted from the parent as ever.
  @Test func negativeScalesOfIntegersHaveDifferences() throws {
    let (rows, columns, group) = (96, 256, 64)
    var generator = SeededGenerator(seed: 5)
    let weights = (0..<rows * columns).map { _ in generator.nextGaussian() * 0.03 }
    func pack(_ format: WeightFormat, largest: Float) throws -> SamplePack {
      var scales: [Float] = []
      let codes = stride(from: 0, to: weights.count, by: group).flatMap { first in
        let part = weights[first..<first + group]
        let extreme = part.max { abs($0) < abs($1) } ?? 0
        scales.append(Float(bfloat16Bits: (-extreme / largest).bfloat16Bits))
        return part.map { Int8(max(-largest, min(largest - 1, ($0 / scales[scales.count - 1]).rounded()))) }
      }
      let matrix = try QuantizedMatrix.encode(
        codes: codes, scales: scales, rows: rows, columns: columns, format: format)
      #expect(scales.contains { $0 < 0 } && scales.contains { $0 > 0 })
      var pack = SamplePack()
      pack.tensors.append(Self.tensor("w", matrix))
      return pack
    }
    let tests = DeltaPackTests()
    let base = try pack(.int8(group: group), largest: 128).write(to: tests.folder, "base.quire")
    let child = try pack(.int4(group: group), largest: 8)
    let whole = try PackReader(path: child.write(to: tests.folder, "whole.quire"))
    let delta = try PackReader(path: tests.write(child, "delta.quire", parent: base))
    #expect(delta.tensors[0].streams[0].source == .difference(tensor: 0))
    #expect(try tests.streams(delta) == tests.streams(whole))
    try delta.verify()
  }

  private static let hasNumpy = (try? Tool("python3")?.run("-c", "import numpy").status) == 0

  /// Rows in any panel, by `tools/read-pack`, which was written from the document.
  @Test(.enabled(if: hasNumpy, "needs numpy"))
  func aSecondReaderFindsTheSameWeights() throws {
    let sample = try Self.sample(Self.formats)
    let path = try sample.write(to: folder)
    let python = try #require(Tool("python3"))
    for (index, format) in Self.formats.enumerated() {
      let matrix = WeightMatrix.quantized(
        try Self.matrix(format, rows: 70, columns: 256, seed: 1 + UInt64(index)))
      let values = matrix.dequantized(kernels: Kernels(.portable))
      let outcome = try python.run([
        TestPaths.repository + "/tools/read-pack", path, "--tensor", "w\(index)", "--rows", "30:67",
      ])
      let rows = try #require(try JSONValue.parse(outcome.output).arrayValue, "\(outcome.errors)")
      #expect(rows.count == 37)
      for (row, found) in zip(30..., rows) {
        let floats = found.arrayValue?.compactMap { $0.doubleValue.map(Float.init) }
        #expect(floats == (0..<256).map { values[row * 256 + $0] }, "\(format) row \(row)")
      }
    }
  }
}
