import QuireTensors

/// A matrix that a checkpoint holds as integers or 8-bit floats with scales, in several tensors of its files.
///
/// `Checkpoint` shows it as one float32 tensor, whose values are computed when they are read. The layouts:
///
/// | | tensors of a module, [outputs N, inputs K] |
/// |---|---|
/// | AWQ | `qweight` I32 [K, N/8], `qzeros` I32 [G, N/8], `scales` [G, N]; in words in the order `awqPositions` |
/// | GPTQ | `qweight` I32 [K/n, N], `qzeros` I32 [G, N/n], `scales` [G, N], `g_idx` I32 [K]; n numbers in a word |
/// | compressed-tensors | `weight_packed` I32 [N, K/n], `weight_scale` [N, G], `weight_zero_point` I32 [N/n, G] |
/// | | `weight` I8 [N, K], `weight_scale` [N, G], `weight_zero_point` I8 [N, G] |
/// | FP8 | `weight` F8_E4M3 [N, K], `weight_scale_inv` or `weight_scale` [N/block, K/block], [N, 1] or one number |
struct EncodedMatrix: Sendable {
  enum Layout: Equatable, Sendable {
    case awq
    case gptq(bits: Int, addsOneToZeros: Bool)
    case packed(bits: Int)
    case integers
    case float8
  }

  /// One tensor of the files.
  struct Part: Sendable {
    let file: SafetensorsFile
    let record: TensorRecord
  }

  /// The name that a model asks for: that of the module with ".weight".
  let name: String
  let rows: Int
  let columns: Int
  let layout: Layout
  /// Groups of columns that share a scale; for FP8 the columns of blocks.
  let groupCount: Int
  /// Rows that share a scale: 1, a block's rows, or all.
  let rowsPerScale: Int
  /// By their names after the module's: "qweight".
  let parts: [String: Part]

  var shape: [Int] { [rows, columns] }
  var byteCount: Int { parts.values.reduce(0) { $0 + $1.record.byteCount } }
  var bits: Int {
    switch layout {
    case .awq: 4
    case .gptq(let bits, _), .packed(let bits): bits
    case .integers, .float8: 8
    }
  }
  /// The tensor with the codes.
  var main: TensorRecord { part(layout.codesName).record }

  private func part(_ name: String) -> Part {
    guard let part = parts[name] else { preconditionFailure("\(name) was found when the checkpoint opened") }
    return part
  }

  /// The tensors in memory.
  struct Contents: Sendable {
    let views: [String: TensorView]

    subscript(name: String) -> TensorView? { views[name] }

    /// A tensor that every matrix of its layout has.
    func required(_ name: String) -> TensorView {
      guard let view = views[name] else {
        preconditionFailure("\(name) was found when the checkpoint opened")
      }
      return view
    }
  }

  /// - Parameter withCodes: false leaves out the largest tensor, that with the codes.
  func read(
    noting hashes: TensorHashes? = nil, withCodes: Bool = true
  ) throws(CheckpointError) -> Contents {
    var views: [String: TensorView] = [:]
    for (name, part) in parts where withCodes || name != layout.codesName {
      let contents = try part.file.read(part.record, hashing: hashes != nil)
      if let hash = contents.hash { hashes?.note(part.record.name, hash) }
      views[name] = contents.view
    }
    return Contents(views: views)
  }

  /// Rows as float32, [rows, columns].
  func values(_ range: Range<Int>, of contents: Contents) throws(CheckpointError) -> HostBuffer<Float> {
    let values = layout == .float8 ? floats(range, contents) : try grid(range, of: contents).values()
    var check = FiniteCheck(.float32)
    check.add(UnsafeRawBufferPointer(values.bytes))
    let largest = check.largestMagnitude
    guard largest.isFinite else { throw .notFinite(file: main.file, name: main.name) }
    guard largest <= FiniteCheck.limit else {
      throw .tooLarge(file: main.file, name: main.name, value: largest)
    }
    return values
  }

  /// Rows as codes, scales and zero points. Precondition: not FP8.
  func grid(_ range: Range<Int>, of contents: Contents) throws(CheckpointError) -> StoredGrid {
    precondition(layout != .float8, "FP8 has no grid of integers")
    let codes = HostBuffer<UInt8>(count: range.count * columns)
    switch layout {
    case .awq: awqCodes(range, contents, codes)
    case .gptq: gptqCodes(range, contents, codes)
    case .packed: packedCodes(range, contents, codes)
    case .integers, .float8: integerCodes(range, contents, codes)
    }
    return StoredGrid(grid: try gridScales(range, of: contents), codes: codes)
  }

  /// Scales and zero points of rows; `contents` needs no codes. Precondition: not FP8.
  func gridScales(_ range: Range<Int>, of contents: Contents) throws(CheckpointError) -> GridScales {
    var zeros = [Int32](repeating: 1 << (bits - 1), count: range.count * groupCount)
    switch layout {
    case .awq:
      setZeros(range, contents["qzeros"], &zeros, positions: awqPositions, addsOne: false)
    case .gptq(_, let addsOne):
      setZeros(range, contents["qzeros"], &zeros, positions: Array(0..<32 / bits), addsOne: addsOne)
    case .packed: setPackedZeros(range, contents["weight_zero_point"], &zeros)
    case .integers, .float8:
      if let view = contents["weight_zero_point"] {
        let source = view.bytes.bindMemory(to: Int8.self)
        forEachScale(range) { zeros[$0] = 128 + Int32(source[$1]) }
      }
    }
    return GridScales(
      rows: range.count, columns: columns, scheme: bits == 4 ? .int4 : .int8, groupCount: groupCount,
      zeros: zeros,
      scales: scales(range, contents), groupOfColumn: try groupOfColumn(contents))
  }

  // MARK: Codes

  private func words(_ contents: Contents) -> PackedWords {
    PackedWords(contents.required(layout.codesName).bytes, bits: bits)
  }

  private func awqCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    // The eight rows of a word together, so that writing goes along the rows.
    for block in range.lowerBound / 8..<(range.upperBound + 7) / 8 {
      let blockRows = (block * 8..<block * 8 + 8).clamped(to: range)
      for column in 0..<columns {
        let word = column * (rows / 8) + block
        for row in blockRows {
          codes.pointer[(row - range.lowerBound) * columns + column] = source.value(
            word: word, at: awqPositions[row % 8])
        }
      }
    }
  }

  private func gptqCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    let count = source.countPerWord
    for block in 0..<columns / count {
      for row in range {
        let target = codes.pointer + (row - range.lowerBound) * columns + block * count
        for position in 0..<count { target[position] = source.value(word: block * rows + row, at: position) }
      }
    }
  }

  private func packedCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = words(contents)
    let count = source.countPerWord
    let width = (columns + count - 1) / count
    for row in range {
      let target = codes.pointer + (row - range.lowerBound) * columns
      for column in 0..<columns {
        target[column] = source.value(word: row * width + column / count, at: column % count)
      }
    }
  }

  private func integerCodes(_ range: Range<Int>, _ contents: Contents, _ codes: HostBuffer<UInt8>) {
    let source = contents.required("weight").bytes.baseAddress.map { $0 + range.lowerBound * columns }
    for index in 0..<range.count * columns {
      // Signed to unsigned: −128 is 0.
      codes.pointer[index] = (source?.load(fromByteOffset: index, as: UInt8.self) ?? 128) ^ 0x80
    }
  }

  // MARK: Scales and zero points

  /// Calls with the index of a row's group in the result, and that in a tensor of shape [rows / rowsPerScale, groups].
  private func forEachScale(_ range: Range<Int>, _ body: (_ index: Int, _ stored: Int) -> Void) {
    for row in range {
      for group in 0..<groupCount {
        body((row - range.lowerBound) * groupCount + group, row / rowsPerScale * groupCount + group)
      }
    }
  }

  private var scaleName: String {
    ["scales", "weight_scale", "weight_scale_inv"].first { parts[$0] != nil } ?? "weight_scale"
  }

  private func scales(_ range: Range<Int>, _ contents: Contents) -> [Float] {
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
  private func setZeros(
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

  /// Zero points of compressed-tensors, packed along the rows: [rows / n, groups].
  private func setPackedZeros(_ range: Range<Int>, _ view: TensorView?, _ zeros: inout [Int32]) {
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
  private func groupOfColumn(_ contents: Contents) throws(CheckpointError) -> [Int32]? {
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

  // MARK: FP8

  private func floats(_ range: Range<Int>, _ contents: Contents) -> HostBuffer<Float> {
    let codes = contents.required("weight").bytes
    let values = HostBuffer<Float>(count: range.count * columns)
    let scales = scales(range, contents)
    let width = columnsPerScale
    for row in 0..<range.count {
      let source = (range.lowerBound + row) * columns
      for column in 0..<columns {
        values.pointer[row * columns + column] =
          Float8.values[Int(codes[source + column])] * scales[row * groupCount + column / width]
      }
    }
    return values
  }

  /// Columns of a group; the last may have fewer.
  let columnsPerScale: Int
}

extension EncodedMatrix.Layout {
  /// The name of the tensor with the codes, after the module's.
  var codesName: String {
    switch self {
    case .awq, .gptq: "qweight"
    case .packed: "weight_packed"
    case .integers, .float8: "weight"
    }
  }

  /// Whether scales are [groups, rows].
  var hasTransposedScales: Bool {
    switch self {
    case .awq, .gptq: true
    default: false
    }
  }
}

extension TensorView {
  /// All values as float32. Precondition: bf16, float16 or float32.
  package var floats: [Float] {
    switch element {
    case .bfloat16: bytes.bindMemory(to: UInt16.self).map { Float(bfloat16Bits: $0) }
    case .float16: bytes.bindMemory(to: UInt16.self).map { Float(halfBits: $0) }
    default: Array(bytes.bindMemory(to: Float.self))
    }
  }
}
