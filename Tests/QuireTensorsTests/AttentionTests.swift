import Foundation
import QuireTensors
import TestSupport
import Testing

@Suite struct AttentionTests {
  /// One KV head with its positions spread over shuffled blocks.
  struct Cache {
    let headSize: Int
    let element: KeyValueElement
    let keys: HostBuffer<UInt8>
    let values: HostBuffer<UInt8>
    let blocks: [Int32]
    let plainKeys: HostBuffer<Float>  // (position, dimension)
    let plainValues: HostBuffer<Float>

    init(positions: Int, headSize: Int, element: KeyValueElement, seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      self.headSize = headSize
      self.element = element
      let blockCount = (positions + 31) / 32
      blocks = (0..<blockCount).map { Int32($0) }.shuffled(using: &random)
      let blockBytes = element.blockBytes(headSize: headSize)
      keys = HostBuffer(count: blockCount * blockBytes)
      values = HostBuffer(count: blockCount * blockBytes)
      // Stale memory beyond the last position must not leak into a result.
      for i in 0..<keys.count {
        keys[i] = 0xff
        values[i] = 0xff
      }
      plainKeys = random.floats(positions * headSize, scale: 2)
      plainValues = random.floats(positions * headSize, scale: 2)
      for p in 0..<positions {
        let offset = Int(blocks[p / 32]) * blockBytes
        Kernels(.portable).storeKeyValue(
          key: plainKeys.pointer + p * headSize, value: plainValues.pointer + p * headSize,
          keyBlock: UnsafeMutableRawPointer(keys.pointer) + offset,
          valueBlock: UnsafeMutableRawPointer(values.pointer) + offset, slot: p % 32, headSize: headSize,
          element: element)
      }
    }

    /// Stores the key and value of a position again, with one number of one of them replaced.
    func replace(_ number: Float, inKey isKey: Bool, at position: Int) {
      let key = HostBuffer<Float>((0..<headSize).map { plainKeys[position * headSize + $0] })
      let value = HostBuffer<Float>((0..<headSize).map { plainValues[position * headSize + $0] })
      (isKey ? key : value)[1] = number
      let offset = Int(blocks[position / 32]) * element.blockBytes(headSize: headSize)
      Kernels(.portable).storeKeyValue(
        key: key.pointer, value: value.pointer,
        keyBlock: UnsafeMutableRawPointer(keys.pointer) + offset,
        valueBlock: UnsafeMutableRawPointer(values.pointer) + offset, slot: position % 32, headSize: headSize,
        element: element)
    }

    func attend(_ queries: HostBuffer<Float>, visible: [Int], set: InstructionSet) -> HostBuffer<Float> {
      let out = HostBuffer<Float>(count: visible.count * headSize)
      let rows = visible.enumerated().map { i, count in
        AttentionRow(
          from: queries.pointer + i * headSize, into: out.pointer + i * headSize, visibleKeys: count)
      }
      rows.withUnsafeBufferPointer { rows in
        blocks.withUnsafeBufferPointer { blocks in
          Kernels(set).attention(
            rows: rows, keys: keys.pointer, values: values.pointer, blocks: blocks.baseAddress!,
            blockStride: element.blockBytes(headSize: headSize), headSize: headSize, element: element,
            scale: scale)
        }
      }
      return out
    }

    var scale: Float { 1 / Float(headSize).squareRoot() }

    func exact(_ query: UnsafePointer<Float>, visible: Int) -> [Double] {
      var weights = (0..<visible).map { p in
        (0..<headSize).reduce(0.0) { $0 + Double(query[$1]) * Double(plainKeys[p * headSize + $1]) }
          * Double(scale)
      }
      let largest = weights.max()!
      weights = weights.map { exp($0 - largest) }
      let total = weights.reduce(0, +)
      return (0..<headSize).map { d in
        (0..<visible).reduce(0.0) { $0 + weights[$1] * Double(plainValues[$1 * headSize + d]) } / total
      }
    }
  }

  /// Values reach 2 and scores 10. fp16 keeps 11 bits of both; int8 rounds queries, keys, values and probabilities to
  /// 1/254 of their row's largest, and a sharp softmax turns a score's error into a share of the value.
  static func bound(_ element: KeyValueElement) -> Double {
    switch element {
    case .float32: 2e-5
    case .float16: 2e-2
    case .int8: 0.12
    }
  }

  @Test(
    "softmax attention over shuffled blocks, lengths around the edges of blocks and of spans of four",
    arguments: [16, 24, 32, 40, 64, 80, 128], KeyValueElement.allCases)
  func againstDoubles(headSize: Int, element: KeyValueElement) {
    guard element.holds(headSize: headSize) else { return #expect(headSize % 16 != 0) }
    let visible = [1, 2, 31, 32, 33, 63, 64, 65, 90, 7, 96, 127, 128, 129, 160, 255, 256, 257, 300]
    let cache = Cache(positions: 300, headSize: headSize, element: element, seed: UInt64(headSize))
    var random = SeededGenerator(seed: 3)
    let queries = random.floats(visible.count * headSize, scale: 2)
    let truth = cache.attend(queries, visible: visible, set: .portable)
    for (i, count) in visible.enumerated() {
      let exact = cache.exact(queries.pointer + i * headSize, visible: count)
      for d in 0..<headSize {
        #expect(abs(Double(truth[i * headSize + d]) - exact[d]) <= Self.bound(element))
      }
    }
    for set in InstructionSet.supported {
      #expect(sameBits(truth, cache.attend(queries, visible: visible, set: set)), "\(set)")
      for (i, count) in visible.enumerated() {
        let query = HostBuffer<Float>((0..<headSize).map { queries[i * headSize + $0] })
        let alone = cache.attend(query, visible: [count], set: set)
        #expect((0..<headSize).allSatisfy { alone[$0].bitPattern == truth[i * headSize + $0].bitPattern })
      }
    }
  }

  /// What overflows has to reach the logits, where it is reported. Rows that do not see it stay what they are.
  @Test(
    "an infinite or undefined query, key or value is not hidden", arguments: KeyValueElement.allCases,
    [Float.nan, .infinity])
  func notFinite(element: KeyValueElement, number: Float) {
    let (headSize, position) = (32, 70)
    let visible = [300, 64, position + 1, position, 1]
    var random = SeededGenerator(seed: 4)
    // A key's overflow then raises its score; a score of −∞ is a weight of 0.
    let queries = random.floats(visible.count * headSize, scale: 2)
    for index in 0..<queries.count { queries[index] = abs(queries[index]) }
    for set in InstructionSet.supported {
      let plain = Cache(positions: 300, headSize: headSize, element: element, seed: 5)
        .attend(queries, visible: visible, set: set)
      for isKey in [true, false] {
        let cache = Cache(positions: 300, headSize: headSize, element: element, seed: 5)
        cache.replace(number, inKey: isKey, at: position)
        let outputs = cache.attend(queries, visible: visible, set: set)
        for (row, count) in visible.enumerated() {
          let range = row * headSize..<(row + 1) * headSize
          let isSeen = count > position
          #expect(
            isSeen
              ? range.contains { !outputs[$0].isFinite }
              : range.allSatisfy { outputs[$0].bitPattern == plain[$0].bitPattern }, "\(set), \(count) keys")
        }
      }
      let query = HostBuffer<Float>((0..<headSize).map { $0 == 3 ? number : queries[$0] })
      let outputs = Cache(positions: 300, headSize: headSize, element: element, seed: 5)
        .attend(query, visible: [90], set: set)
      #expect(outputs.buffer.contains { !$0.isFinite }, "\(set)")
    }
  }
}
