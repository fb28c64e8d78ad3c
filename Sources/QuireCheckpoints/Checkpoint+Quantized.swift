package import QuireTensors

// Matrices that the files hold as integers or 8-bit floats: everything that reads tensors gets their float32 values.

extension Checkpoint {
  /// How a quantized matrix is stored, for people and plans.
  package struct StoredFormat: Sendable, Equatable {
    /// The scheme of codes with a scale; nil for 8-bit floats and for GGUF's other types.
    package let scheme: WeightFormat.Scheme?
    package var isInteger: Bool { scheme != nil }
    package let bits: Int
    /// Columns that share a scale.
    package let group: Int
    package let hasOneGroup: Bool
    /// Whether the checkpoint has zero points.
    package let hasZeros: Bool
    package let byteCount: Int
    /// The name of a type that is neither integers with a scale nor 8-bit floats: "Q4_K".
    package var typeName: String?
  }

  /// "AWQ" for a checkpoint with quantized weights; nil for others.
  package var quantizationName: String? {
    if isFile { return quantizedNames.isEmpty ? nil : "GGUF" }
    return encoded.isEmpty ? nil : quantization?.name
  }

  /// Names of the quantized matrices, sorted.
  package var quantizedNames: [String] {
    isFile
      ? tensorNames.filter { record($0)?.encoding != nil } : encoded.keys.filter { !isAdapted($0) }.sorted()
  }

  package func storedFormat(_ name: String) -> StoredFormat? {
    if let record = record(name), let type = record.encoding.flatMap(GGUFType.init(name:)) {
      return type.storedFormat(record)
    }
    guard let matrix = encoded[name], !isAdapted(name) else { return nil }
    return StoredFormat(
      scheme: matrix.layout == .float8 ? nil : matrix.bits == 4 ? .int4 : .int8, bits: matrix.bits,
      group: matrix.columnsPerScale,
      hasOneGroup: matrix.groupCount == 1,
      hasZeros: matrix.parts["qzeros"] != nil && !(quantization?.isSymmetric ?? false)
        || matrix.parts["weight_zero_point"] != nil, byteCount: matrix.byteCount)
  }

  /// Scales and zero points of a matrix, without reading its codes; nil where it has none, as floats, and for GGUF
  /// files, whose blocks hold both together.
  package func gridScales(_ name: String) throws(CheckpointError) -> GridScales? {
    guard let matrix = encoded[name], !isAdapted(name), matrix.layout != .float8 else { return nil }
    return try matrix.gridScales(0..<matrix.rows, of: matrix.read(withCodes: false))
  }

  /// The codes, scales and zero points of a matrix; nil where it has none, as floats.
  package func grid(
    _ name: String, noting hashes: TensorHashes? = nil
  ) throws(CheckpointError) -> StoredGrid? {
    if isAdapted(name) { return nil }
    if isFile { return try ggufGrid(name, noting: hashes) }
    guard let matrix = encoded[name], matrix.layout != .float8 else { return nil }
    return try matrix.grid(0..<matrix.rows, of: matrix.read(noting: hashes))
  }

  func view(_ matrix: EncodedMatrix, _ rows: Range<Int>, noting hashes: TensorHashes?) throws(CheckpointError)
    -> TensorView
  {
    let contents = try held.contents(of: matrix, noting: hashes, keeps: rows.count < matrix.rows)
    let values = try matrix.values(rows, of: contents)
    let record = TensorRecord(
      name: matrix.name, element: .float32, shape: [rows.count, matrix.columns], file: matrix.main.file,
      range: 0..<values.byteCount)
    return TensorView(record: record, bytes: UnsafeRawBufferPointer(values.bytes), owner: values)
  }
}
