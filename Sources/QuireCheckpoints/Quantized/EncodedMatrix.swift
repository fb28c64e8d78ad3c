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
/// | | the same with one number each as `weight_scale` and `weight_zero_point`, the latter I8 |
/// | | `weight` I8 [N, K], `weight_scale` [N, G] or [N], `weight_zero_point` I8 in the same shape |
/// | FP8 | `weight` F8_E4M3 [N, K], `weight_scale_inv` or `weight_scale` [N/block, K/block], [N, G], [N] or one number |
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
  /// Columns of a group; the last may have fewer.
  let columnsPerScale: Int

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
    case .packed where rowsPerScale == 1: setPackedZeros(range, contents["weight_zero_point"], &zeros)
    case .packed, .integers, .float8: setPlainZeros(range, contents["weight_zero_point"], &zeros)
    }
    return GridScales(
      rows: range.count, columns: columns, scheme: bits == 4 ? .int4 : .int8, groupCount: groupCount,
      zeros: zeros,
      scales: scales(range, contents), groupOfColumn: try groupOfColumn(contents))
  }
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
