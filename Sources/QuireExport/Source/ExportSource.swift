import QuireModel
import QuireModelFiles
import QuirePacks
package import QuireTensors

/// How the numbers of a tensor are stored, after filling.
enum StoredFormat: Hashable, Sendable {
  case floats(ElementType)
  case integers(WeightFormat)

  /// "int4 g128", "bf16", "float32".
  var text: String {
    switch self {
    case .floats(let element): element.exportName
    case .integers(let format): format.description
    }
  }
}

extension ElementType {
  /// As in the plan.
  var exportName: String {
    switch self {
    case .bfloat16: "bf16"
    case .float16: "float16"
    case .float32: "float32"
    default: rawValue
    }
  }
}

/// The tensors of a pack or a checkpoint as an export writes them: filled where asked, and matrices in bands of rows.
struct ExportSource {
  /// The model as it is stored.
  let stored: ModelConfiguration
  let fill: UniformFill?
  let compute: Compute
  private let source: MatrixBands.Source

  /// The model as it is exported.
  var configuration: ModelConfiguration { fill?.configuration ?? stored }

  /// Opens the weights; refuses a model whose layers differ unless it may be filled.
  init(_ model: ModelSource, fillsPruned: Bool, compute: Compute) throws(ExportError) {
    if let pack = model.pack {
      try reading { () throws(ModelError) in try pack.checkModel() }
      source = .pack(pack)
    } else {
      source = .checkpoint(try reading { () throws(ModelFileError) in try model.checkpoint(for: "export") })
    }
    stored = try reading { () throws(ModelFileError) in try model.configuration() }
    self.compute = compute
    guard let difference = stored.difference else {
      fill = nil
      return
    }
    guard fillsPruned else { throw .notUniform(found: difference) }
    fill = UniformFill(stored, neuronMultiple: try Self.neuronMultiple(stored, source))
  }

  /// The largest group among the matrices that read the neurons.
  private static func neuronMultiple(
    _ configuration: ModelConfiguration, _ source: MatrixBands.Source
  ) throws(ExportError) -> Int {
    var largest = 1
    for layer in 0..<configuration.layerCount {
      let name = TensorName.layer(layer, .downProjection)
      let bands = try reading { () throws(ModelError) in
        try MatrixBands(name, of: configuration, in: source)
      }
      largest = max(largest, bands.format.group ?? 1)
    }
    return largest
  }

  /// How a tensor's numbers are stored, after filling.
  func format(of name: TensorName) throws(ExportError) -> StoredFormat {
    let numbers = try reading { () throws(ModelError) in
      try StoredNumbers(name, shape: name.shape(in: stored), in: source)
    }
    if let element = numbers.element { return .floats(element) }
    let format = fill?.fill(of: name)?.format(of: numbers.format) ?? numbers.format
    return format.scheme == .bf16 ? .floats(.float32) : .integers(format)
  }

  /// Calls `body` with the matrix's rows in order, in bands; each with the index of its first row.
  func readBands(
    of name: TensorName, _ body: (WeightMatrix, _ firstRow: Int) throws(ExportError) -> Void
  ) throws(ExportError) {
    if let fill = fill?.fill(of: name) {
      return try body(fill.apply(to: try whole(name), kernels: compute.kernels), 0)
    }
    let bands = try bands(name)
    for index in 0..<bands.count {
      let band = try reading { () throws(ModelError) in try bands.read(index, team: compute.team) }
      try body(band, bands.rows(of: index).lowerBound)
    }
  }

  /// The scales of an integer matrix.
  func scales(of name: TensorName) throws(ExportError) -> ScaleTable {
    if let fill = fill?.fill(of: name) {
      guard case .quantized(let matrix) = try fill.apply(to: try whole(name), kernels: compute.kernels) else {
        preconditionFailure("\(name) has scales")
      }
      return ScaleTable(matrix)
    }
    let bands = try bands(name)
    let scales = try reading { () throws(ModelError) in try bands.scales(team: compute.team) }
    guard let scales else { preconditionFailure("\(name) has scales") }
    return ScaleTable(scales, bands.format, columns: bands.columnCount)
  }

  /// A norm's weights.
  func norm(_ name: TensorName) throws(ExportError) -> HostBuffer<Float> {
    let count = name.shape(in: stored)[0]
    return try reading { () throws(ModelError) in
      switch source {
      case .checkpoint(let loader): return try loader.norm(name, count: count)
      case .pack(let pack):
        return try PackWeights(pack, configuration: stored, names: [name], team: compute.team)
          .norm(name, count: count)
      }
    }
  }

  private func bands(_ name: TensorName) throws(ExportError) -> MatrixBands {
    try reading { () throws(ModelError) in try MatrixBands(name, of: stored, in: source) }
  }

  private func whole(_ name: TensorName) throws(ExportError) -> WeightMatrix {
    try reading { () throws(ModelError) in
      let all = 1 << 48
      return try MatrixBands(name, of: stored, in: source, bandBytes: all).read(0, team: compute.team)
    }
  }
}

/// The scales of an integer matrix, in the kernels' order.
package struct ScaleTable {
  let groupCount: Int
  private let type: WeightFormat.ScaleType
  private let bits: UnsafeBufferPointer<UInt16>  // [rows/32][groups][32]
  private let owner: AnyObject

  package init(_ matrix: QuantizedMatrix) {
    groupCount = matrix.groupCount
    type = matrix.format.scaleType
    bits = matrix.scales
    owner = matrix
  }

  init(_ bytes: HostBuffer<UInt8>, _ format: WeightFormat, columns: Int) {
    groupCount = columns / (format.group ?? columns)
    type = format.scaleType
    bits = UnsafeBufferPointer(bytes.bytes.bindMemory(to: UInt16.self))
    owner = bytes
  }

  /// Writes the scales of all `rows`, (row, group).
  func write(rows: Int, into target: UnsafeMutablePointer<UInt16>) {
    for row in 0..<rows {
      for group in 0..<groupCount {
        target[row * groupCount + group] = bits[(row / 32 * groupCount + group) * 32 + row % 32]
      }
    }
    withExtendedLifetime(owner) {}
  }

  /// Whether float16 holds every scale exactly; so do the zeros of missing rows.
  package var areHalf: Bool {
    if type == .float16 { return true }
    let table = HalfTable.shared
    let all = bits.allSatisfy { table.isExact[Int($0)] }
    return withExtendedLifetime(owner) { all }
  }
}

/// Every bf16 number as float16.
package struct HalfTable: Sendable {
  package static let shared = HalfTable()

  package let isExact: [Bool]
  /// The bit pattern; 0 for a number that float16 does not hold exactly.
  let bits: [UInt16]

  private init() {
    let halves = (0...UInt16.max).map { Float.halfBits(exactlyBfloat16: $0) }
    isExact = halves.map { $0 != nil }
    bits = halves.map { $0 ?? 0 }
  }
}
