import Foundation
import QuireJSON
import QuireModel
import TestSupport
import Testing

/// Cosines and sines of one angle may differ from transformers by the last place of float32.
private let angleTolerance: Float = 1.2e-7
/// PyTorch's vectorised power is not correctly rounded, ours is: a few frequencies differ in the last places.
private let frequencyTolerancePlaces: Float = 2
private let equalFrequencyShare = 0.9

@Suite struct RotaryEmbeddingTests {
  private static let folder = TestPaths.modelFixtures + "/rope"
  private static let golden = GoldenFile(path: folder + "/golden.safetensors")
  static let cases = TestPaths.folders(in: folder).map { String($0.dropFirst(folder.count + 1)) }

  @Test func thereAreCases() { #expect(Self.cases.count >= 9) }

  @Test(arguments: cases)
  func agreesWithTransformers(name: String) throws {
    let text = try #require(FileManager.default.contents(atPath: Self.folder + "/\(name)/config.json"))
    let configuration = try ModelConfiguration(json: JSONValue.parse([UInt8](text)))
    let rotary = RotaryEmbedding(configuration.rope, headSize: configuration.headSize)

    let expected = Self.golden.floats("inv_freq.\(name)")
    #expect(rotary.inverseFrequencies.count == expected.count)
    let equalCount = zip(rotary.inverseFrequencies, expected).count { $0 == $1 }
    #expect(Double(equalCount) >= equalFrequencyShare * Double(expected.count))
    for (own, theirs) in zip(rotary.inverseFrequencies, expected) {
      #expect(abs(own - theirs) <= frequencyTolerancePlaces * theirs.ulp)
    }
    #expect(Double(rotary.attentionScaling).isNearly(Self.golden.doubles("scaling.\(name)")[0]))

    let positions = Self.golden.int32s("positions")
    var cosines = [Float](repeating: 0, count: positions.count * expected.count)
    var sines = cosines
    cosines.withUnsafeMutableBufferPointer { cosines in
      sines.withUnsafeMutableBufferPointer { sines in
        guard let cosines = cosines.baseAddress, let sines = sines.baseAddress else { return }
        rotary.fill(positions: positions, cosines: cosines, sines: sines)
      }
    }
    let theirCosines = Self.golden.floats("cos.\(name)")
    let theirSines = Self.golden.floats("sin.\(name)")
    for (row, position) in positions.enumerated() {
      for (index, frequency) in expected.enumerated() {
        // A frequency that differs turns every further position further.
        let turn = Float(position) * abs(rotary.inverseFrequencies[index] - frequency)
        let bound = rotary.attentionScaling * (angleTolerance + 2 * turn)
        let entry = row * expected.count + index
        #expect(abs(cosines[entry] - theirCosines[entry]) <= bound)
        #expect(abs(sines[entry] - theirSines[entry]) <= bound)
      }
    }
  }
}

extension Double {
  fileprivate func isNearly(_ other: Double) -> Bool { abs(self - other) <= 1e-7 * abs(other) }
}
