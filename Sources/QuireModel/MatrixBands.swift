import QuireCheckpoints
package import QuirePacks
package import QuireTensors

/// One matrix of a pack or of a checkpoint, read in bands of rows, so that a large one is never in memory as a whole.
///
///     let bands = try MatrixBands(.embedding, of: configuration, in: .pack(pack))
///     for index in 0..<bands.count {
///       let band = try bands.read(index, team: team)     // rows `bands.rows(of: index)` of the matrix
///     }
///
/// Every band but the last has a multiple of 32 rows.
package struct MatrixBands {
  /// The open file or files that a matrix is read from.
  package enum Source {
    case pack(PackReader)
    case checkpoint(LayerLoader)
  }

  /// Bytes of a band as stored: enough for several frames of each thread.
  package static let bandBytes = 16 << 20
  private static let panelRows = QuantizedMatrix.panelRows

  package let name: TensorName
  package let rowCount: Int
  package let columnCount: Int
  /// Integers with scales; `bf16` for every matrix of floats.
  package let format: WeightFormat
  /// The type of the floats; nil for integers.
  package let element: ElementType?
  private let source: Source
  private let rowsPerBand: Int

  /// Checks the tensor's entry; reads no weights.
  package init(
    _ name: TensorName, of configuration: ModelConfiguration, in source: Source, bandBytes: Int = bandBytes
  ) throws(ModelError) {
    precondition(!name.isNorm, "\(name) is a matrix")
    let shape = name.shape(in: configuration)
    (rowCount, columnCount) = (shape[0], shape[1])
    self.name = name
    self.source = source
    let stored = try StoredNumbers(name, shape: shape, in: source)
    (format, element) = (stored.format, stored.element)
    let panelBytes =
      format.scheme == .bf16
      ? Self.panelRows * columnCount * (element?.byteCount ?? 2)
      : format.codeByteCount(rows: Self.panelRows, columns: columnCount)
    let frameBytes = stored.codes?.frameBytes ?? panelBytes
    // A band of whole frames decompresses each of them once.
    let unit = frameBytes % panelBytes == 0 ? frameBytes / panelBytes : 1
    rowsPerBand = max(1, bandBytes / panelBytes / unit) * unit * Self.panelRows
  }

  package var count: Int { (rowCount + rowsPerBand - 1) / rowsPerBand }

  package func rows(of band: Int) -> Range<Int> {
    band * rowsPerBand..<min((band + 1) * rowsPerBand, rowCount)
  }

  /// Reads a band as a matrix of its own.
  package func read(_ band: Int, team: ThreadTeam) throws(ModelError) -> WeightMatrix {
    try read(rows: rows(of: band), team: team)
  }

  /// Reads some rows as a matrix of their own; of a pack only the frames that hold them. The first is a multiple of 32.
  package func read(rows: Range<Int>, team: ThreadTeam) throws(ModelError) -> WeightMatrix {
    precondition(
      rows.lowerBound % Self.panelRows == 0 && rows.upperBound <= rowCount && !rows.isEmpty,
      "rows of the matrix from a panel's start on")
    switch source {
    case .checkpoint(let loader):
      return .dense(try dense(rows, loader))
    case .pack(let pack):
      guard let tensor = pack.tensor(name.string) else { preconditionFailure("\(name) was found before") }
      guard let element else { return .quantized(try quantized(rows, tensor, pack, team)) }
      let rowBytes = columnCount * element.byteCount
      let values = try pack.values(
        rows.lowerBound * rowBytes..<rows.upperBound * rowBytes, of: tensor.streams[0], team: team)
      return .dense(
        DenseMatrix(
          rows: rows.count, columns: columnCount, element: element, base: UnsafeRawPointer(values.pointer),
          owner: values))
    }
  }

  /// The scales of the whole matrix, of the format's scale type, [rows/32][groups][32]; nil for floats.
  package func scales(team: ThreadTeam) throws(ModelError) -> HostBuffer<UInt8>? {
    guard case .pack(let pack) = source, element == nil, let tensor = pack.tensor(name.string) else {
      return nil
    }
    let stream = tensor.streams[1]
    return try pack.values(0..<stream.rawBytes, of: stream, team: team)
  }

  private func dense(_ rows: Range<Int>, _ loader: LayerLoader) throws(ModelError) -> DenseMatrix {
    do {
      let view = try loader.checkpoint.rows(rows, of: name.string, shape: [rowCount, columnCount])
      guard let base = view.bytes.baseAddress else {
        throw ModelError.tensor(name: name.string, expected: "with values", found: "empty")
      }
      return DenseMatrix(
        rows: rows.count, columns: columnCount, element: view.element, base: base, owner: view.owner)
    } catch let error as ModelError {
      throw error
    } catch {
      throw .checkpoint("\(error)")
    }
  }

  private func quantized(
    _ rows: Range<Int>, _ tensor: PackTensor, _ pack: PackReader, _ team: ThreadTeam
  ) throws(ModelError) -> QuantizedMatrix {
    func part(_ stream: PackTensor.Stream, panelBytes: Int) throws(ModelError) -> HostBuffer<UInt8> {
      let first = rows.lowerBound / Self.panelRows
      let end = QuantizedMatrix.panelCount(rows: rows.upperBound)
      return try pack.values(first * panelBytes..<end * panelBytes, of: stream, team: team)
    }
    let codes = try part(
      tensor.streams[0], panelBytes: format.codeByteCount(rows: Self.panelRows, columns: columnCount))
    let scales = try part(
      tensor.streams[1], panelBytes: 2 * format.scaleCount(rows: Self.panelRows, columns: columnCount))
    let zeros =
      format.isSymmetric
      ? HostBuffer<UInt8>(count: 0)
      : try part(
        tensor.streams[2], panelBytes: format.zeroByteCount(rows: Self.panelRows, columns: columnCount))
    do {
      let matrix = try QuantizedMatrix(
        rows: rows.count, columns: columnCount, format: format, codes: UnsafeRawBufferPointer(codes.bytes),
        scales: UnsafeBufferPointer(scales.bytes.bindMemory(to: UInt16.self)),
        zeros: UnsafeRawBufferPointer(zeros.bytes), owner: BandMemory([codes, scales, zeros]))
      try matrix.checkScales()
      return matrix
    } catch {
      throw .pack("\(pack.path): tensor \(name): \(error.description)")
    }
  }

  /// Keeps the memory of a band alive.
  private final class BandMemory: Sendable {
    let streams: [HostBuffer<UInt8>]
    init(_ streams: [HostBuffer<UInt8>]) { self.streams = streams }
  }
}

/// How a tensor is stored, from its entry in a pack or in a safetensors header.
package struct StoredNumbers {
  package let format: WeightFormat
  /// The type of floats; nil for integers with scales.
  package let element: ElementType?
  /// The stream of a pack that holds the codes or the floats.
  let codes: PackTensor.Stream?

  package init(
    _ name: TensorName, shape: [Int], in source: MatrixBands.Source
  ) throws(ModelError) {
    switch source {
    case .checkpoint(let loader):
      guard let record = loader.checkpoint.record(name.string) else {
        throw .tensor(name: name.string, expected: "in \(loader.checkpoint.folder)", found: "missing")
      }
      (format, element, codes) = (.bf16, record.element, nil)
    case .pack(let pack):
      guard let tensor = pack.tensor(name.string) else {
        throw .tensor(name: name.string, expected: "in the pack \(pack.path)", found: "missing")
      }
      guard tensor.shape == shape else {
        throw .tensor(name: name.string, expected: "of shape \(shape)", found: "of shape \(tensor.shape)")
      }
      element = PackScheme.element(tensor.scheme)
      codes = tensor.streams.first
      format = element == nil ? WeightFormat(name: tensor.scheme, group: tensor.group) ?? .bf16 : .bf16
    }
  }
}

extension PackReader {
  /// Some raw bytes of a stream, decompressed by the team.
  func values(
    _ range: Range<Int>, of stream: PackTensor.Stream, team: ThreadTeam
  ) throws(ModelError) -> HostBuffer<UInt8> {
    do throws(PackError) {
      return try contents(range, of: stream, team: team)
    } catch {
      throw .pack(error.description)
    }
  }
}
