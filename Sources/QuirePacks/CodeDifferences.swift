import QuireFiles
import QuireTensors
import Synchronization

/// Turns the codes of a tensor into differences from those that are predicted from the parent's tensor of the same name,
/// and back, for any run of whole panels.
struct CodeDifferences: Sendable {
  private let parent: PackReader
  private let parentTensor: PackTensor
  private let parentScales: HostBuffer<UInt8>?
  private let parentZeros: HostBuffer<UInt8>?
  private let format: WeightFormat
  private let rows: Int
  private let columns: Int
  private let scales: HostBuffer<UInt8>
  private let zeros: HostBuffer<UInt8>
  let factors: CodePrediction.Factors?

  static let panelRows = QuantizedMatrix.panelRows

  /// Bytes of the codes of 32 output channels; nil for a tensor whose codes cannot be differences: one without codes, or with
  /// codes of a table of levels.
  static func panelBytes(_ tensor: PackTensor) -> Int? {
    guard tensor.shape.count == 2, let format = WeightFormat(name: tensor.scheme, group: tensor.group),
      format.scheme != .bf16, !format.scheme.isNonlinear
    else { return nil }
    return format.codeByteCount(rows: panelRows, columns: tensor.shape[1])
  }

  /// Whether the parent's tensor of that name has the same shape, and weights that codes can be predicted from: not those
  /// of a table of levels.
  static func canPredict(_ tensor: PackTensor, from parent: PackReader) -> Bool {
    guard let found = parent.tensor(tensor.name), found.shape == tensor.shape else { return false }
    return WeightFormat(name: found.scheme, group: found.group)?.scheme.isNonlinear != true
  }

  /// Nil when the parent has no matrix of that name and shape, or the tensor has no codes that can be differences.
  ///
  /// - Parameters:
  ///   - scales: the raw bytes of the tensor's scales
  ///   - zeros: those of its zero points, if it has any
  init?(
    _ tensor: PackTensor, scales: HostBuffer<UInt8>, zeros: HostBuffer<UInt8>?,
    factors: CodePrediction.Factors?,
    parent: PackReader
  ) throws(PackError) {
    guard Self.panelBytes(tensor) != nil, Self.canPredict(tensor, from: parent),
      let format = WeightFormat(name: tensor.scheme, group: tensor.group),
      let found = parent.tensor(tensor.name)
    else { return nil }
    self.parent = parent
    parentTensor = found
    self.format = format
    (rows, columns) = (tensor.shape[0], tensor.shape[1])
    self.scales = scales
    self.zeros = zeros ?? HostBuffer<UInt8>(count: 0)
    self.factors = factors
    func whole(_ kind: PackStreamKind) throws(PackError) -> HostBuffer<UInt8>? {
      guard let stream = found.stream(kind) else { return nil }
      return try parent.contents(0..<stream.rawBytes, of: stream)
    }
    parentScales = try whole(.scales)
    parentZeros = try whole(.zeros)
  }

  private init(_ other: Self, factors: CodePrediction.Factors) {
    (parent, parentTensor, parentScales) = (other.parent, other.parentTensor, other.parentScales)
    (parentZeros, format, rows, columns) = (other.parentZeros, other.format, other.rows, other.columns)
    (scales, zeros, self.factors) = (other.scales, other.zeros, factors)
  }

  func with(_ factors: CodePrediction.Factors) -> Self { Self(self, factors: factors) }

  private var panelBytes: Int { format.codeByteCount(rows: Self.panelRows, columns: columns) }

  /// - Parameter range: where `codes` are in the codes of the whole tensor: whole panels.
  func apply(
    _ direction: CodePrediction.Direction, to codes: UnsafeMutableRawBufferPointer, of range: Range<Int>
  ) throws(PackError) {
    let panels = range.lowerBound / panelBytes..<(range.upperBound + panelBytes - 1) / panelBytes
    let rows = Self.panelRows * panels.lowerBound..<min(Self.panelRows * panels.upperBound, self.rows)
    let matrix = try parentMatrix(rows, panels)
    let zeros = part(self.zeros, panels, bytes: format.zeroByteCount(rows: Self.panelRows, columns: columns))
    CodePrediction(
      from: matrix, format: format, scales: numbers(scales, panels, format),
      zeros: UnsafeRawBufferPointer(zeros), factors: factors, firstRow: rows.lowerBound
    ).apply(direction, to: codes)
    withExtendedLifetime(self) {}
  }

  /// Some rows of the parent's tensor.
  func parentMatrix(_ rows: Range<Int>, _ panels: Range<Int>) throws(PackError) -> WeightMatrix {
    let stream = parentTensor.streams[0]
    guard let parentScales, let format = WeightFormat(name: parentTensor.scheme, group: parentTensor.group)
    else {
      let element: ElementType =
        switch parentTensor.scheme {
        case "bf16": .bfloat16
        case "float16": .float16
        default: .float32
        }
      let rowBytes = columns * element.byteCount
      let values = try parent.contents(
        rows.lowerBound * rowBytes..<rows.upperBound * rowBytes, of: stream)
      return .dense(
        DenseMatrix(
          rows: rows.count, columns: columns, element: element, base: UnsafeRawPointer(values.pointer),
          owner: values))
    }
    let panelBytes = format.codeByteCount(rows: Self.panelRows, columns: columns)
    let codes = try parent.contents(
      panels.lowerBound * panelBytes..<panels.upperBound * panelBytes, of: stream)
    let zeroBytes = format.zeroByteCount(rows: Self.panelRows, columns: columns)
    let zeros = UnsafeRawBufferPointer(
      part(parentZeros ?? HostBuffer<UInt8>(count: 0), panels, bytes: zeroBytes))
    do throws(TensorError) {
      return .quantized(
        try QuantizedMatrix(
          rows: rows.count, columns: columns, format: format, codes: UnsafeRawBufferPointer(codes.bytes),
          scales: numbers(parentScales, panels, format), zeros: zeros,
          owner: Owner([codes, parentScales, parentZeros].compactMap { $0 })))
    } catch {
      throw .damaged(path: parent.path, part: "tensor \"\(parentTensor.name)\"", found: error.description)
    }
  }

  private final class Owner: Sendable {
    let buffers: [HostBuffer<UInt8>]
    init(_ buffers: [HostBuffer<UInt8>]) { self.buffers = buffers }
  }

  /// The 16-bit scales of some panels.
  private func numbers(
    _ scales: HostBuffer<UInt8>, _ panels: Range<Int>, _ format: WeightFormat
  ) -> UnsafeBufferPointer<UInt16> {
    let bytes = 2 * format.scaleCount(rows: Self.panelRows, columns: columns)
    return UnsafeBufferPointer(part(scales, panels, bytes: bytes).bindMemory(to: UInt16.self))
  }

  private func part(
    _ buffer: HostBuffer<UInt8>, _ panels: Range<Int>, bytes: Int
  ) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      rebasing: buffer.bytes[panels.lowerBound * bytes..<panels.upperBound * bytes])
  }
}

/// The last used `CodeDifferences` of a delta pack: threads that share a tensor's frames prepare it once, or once each
/// if they begin together.
final class RecentDifferences: Sendable {
  private static let capacity = 4
  private let recent = Mutex<[(tensor: Int, value: CodeDifferences)]>([])

  func value(
    _ tensor: Int, make: () throws(PackError) -> CodeDifferences
  ) throws(PackError) -> CodeDifferences {
    if let found = recent.withLock({ $0.first { $0.tensor == tensor }?.value }) { return found }
    let made = try make()
    recent.withLock {
      if $0.contains(where: { $0.tensor == tensor }) { return }
      if $0.count == Self.capacity { $0.removeFirst() }
      $0.append((tensor, made))
    }
    return made
  }
}

extension PackReader {
  /// What the differences of a tensor's codes are from.
  func differences(ofTensor index: Int) throws(PackError) -> CodeDifferences {
    try recentDifferences.value(index) { () throws(PackError) in
      let tensor = tensors[index]
      func whole(_ stream: PackTensor.Stream?) throws(PackError) -> HostBuffer<UInt8>? {
        guard let stream else { return nil }
        return try contents(0..<stream.rawBytes, of: stream)
      }
      let factors = try whole(tensor.factors).map { bits in
        let numbers = bits.bytes.bindMemory(to: UInt16.self)
        let columns = tensor.shape[1]
        defer { withExtendedLifetime(bits) {} }
        return CodePrediction.Factors(
          columns: HostBuffer(numbers[..<columns].map { Float(bfloat16Bits: $0) }),
          rows: HostBuffer(numbers[columns...].map { Float(bfloat16Bits: $0) }))
      }
      if let factors, !factors.areFinite {
        throw .invalid(
          path: path, member: "list of finite factors of tensor \"\(tensor.name)\"", found: "others")
      }
      guard let parent, let scales = try whole(tensor.stream(.scales)),
        let value = try CodeDifferences(
          tensor, scales: scales, zeros: try whole(tensor.stream(.zeros)), factors: factors, parent: parent)
      else { throw .missing(path: path, name: "the parent's tensor \"\(tensor.name)\"") }
      return value
    }
  }
}

extension CodePrediction.Factors {
  fileprivate var areFinite: Bool {
    columns.buffer.allSatisfy(\.isFinite) && rows.buffer.allSatisfy(\.isFinite)
  }
}
