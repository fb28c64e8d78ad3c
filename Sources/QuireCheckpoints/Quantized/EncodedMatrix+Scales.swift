import QuireTensors

// How each layout stores scales, zero points and the groups of columns.
extension EncodedMatrix {
  /// Calls with the index of a row's group in the result, and that in a tensor of shape [rows / rowsPerScale, groups].
  func forEachScale(_ range: Range<Int>, _ body: (_ index: Int, _ stored: Int) -> Void) {
    for row in range {
      for group in 0..<groupCount {
        body((row - range.lowerBound) * groupCount + group, row / rowsPerScale * groupCount + group)
      }
    }
  }

  private var scaleName: String {
    ["scales", "weight_scale", "weight_scale_inv"].first { parts[$0] != nil } ?? "weight_scale"
  }

  func scales(_ range: Range<Int>, _ contents: Contents) -> [Float] {
    let stored = contents.required(scaleName).floats
    var scales = [Float](repeating: 0, count: range.count * groupCount)
    if layout.hasTransposedScales {
      for row in range {
        for group in 0..<groupCount {
          scales[(row - range.lowerBound) * groupCount + group] = stored[group * rows + row]
        }
      }
    } else {
      forEachScale(range) { scales[$0] = stored[$1] }
    }
    return scales
  }

  /// Zero points of AWQ and GPTQ, packed along the rows: [groups, rows / n].
  ///
  /// Programs that write GPTQ's first version subtract one from all numbers of a word in one subtraction, so
  /// a zero point of 0 borrows from the next. `addsOne` reverses exactly this.
  func setZeros(
    _ range: Range<Int>, _ view: TensorView?, _ zeros: inout [Int32], positions: [Int], addsOne: Bool
  ) {
    guard let view else { return }
    let source = PackedWords(view.bytes, bits: bits, addsOne: addsOne)
    let count = source.countPerWord
    for group in 0..<groupCount {
      for row in range {
        let value = source.value(word: group * (rows / count) + row / count, at: positions[row % count])
        zeros[(row - range.lowerBound) * groupCount + group] = Int32(value)
      }
    }
  }

  /// Zero points of compressed-tensors as signed bytes, in the shape of the scales.
  func setPlainZeros(_ range: Range<Int>, _ view: TensorView?, _ zeros: inout [Int32]) {
    guard let view else { return }
    let source = view.bytes.bindMemory(to: Int8.self)
    let middle = Int32(1) << Int32(bits - 1)
    forEachScale(range) { zeros[$0] = middle + Int32(source[$1]) }
  }

  /// Zero points of compressed-tensors, packed along the rows: [rows / n, groups].
  func setPackedZeros(_ range: Range<Int>, _ view: TensorView?, _ zeros: inout [Int32]) {
    guard let view else { return }
    let source = PackedWords(view.bytes, bits: bits)
    let count = source.countPerWord
    for row in range {
      for group in 0..<groupCount {
        let value = source.value(word: row / count * groupCount + group, at: row % count)
        zeros[(row - range.lowerBound) * groupCount + group] = Int32(value)
      }
    }
  }

  /// Nil for consecutive groups. Throws when a column's group does not exist.
  func groupOfColumn(_ contents: Contents) throws(CheckpointError) -> [Int32]? {
    guard let view = contents["g_idx"] ?? contents["weight_g_idx"] else { return nil }
    let groups = Array(view.bytes.bindMemory(to: Int32.self))
    let width = columns / groupCount
    if groups.enumerated().allSatisfy({ Int($1) == $0 / width }) { return nil }
    // -1 everywhere is how compressed-tensors writes that columns are in order.
    if groups.allSatisfy({ $0 == -1 }) { return nil }
    if let fault = groups.first(where: { !(0..<groupCount).contains(Int($0)) }) {
      throw .malformed(
        path: main.file, expected: "groups from 0 to \(groupCount - 1) in \"\(view.name)\"", found: "\(fault)"
      )
    }
    return groups
  }
}

extension TensorView {
  /// All values as float32. Precondition: bf16, float16, float32, or E8M0, also as bytes.
  package var floats: [Float] {
    switch element {
    case .bfloat16: bytes.bindMemory(to: UInt16.self).map { Float(bfloat16Bits: $0) }
    case .float16: bytes.bindMemory(to: UInt16.self).map { Float(halfBits: $0) }
    case .float8E8M0, .uint8: bytes.map { Float8.powers[Int($0)] }
    default: Array(bytes.bindMemory(to: Float.self))
    }
  }
}
