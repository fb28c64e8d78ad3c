import Foundation
import QuireFiles
import QuireTensors
import Synchronization

/// Decides whether a tensor's codes are stored as differences from the parent's, and finds the factors by which the
/// parent's weights were scaled since.
///
/// The decision is made on a sample of the tensor: by the entropy of the bytes, which is what compression reaches.
struct DifferencePlan {
  let differences: CodeDifferences
  /// The factors as they are stored: bf16, columns then rows.
  let factorBits: HostBuffer<UInt16>?

  private static let samplePanels = 16
  /// Smaller gains are not worth the time to restore codes.
  private static let gainMin = 0.1

  /// Nil when the codes are better stored themselves.
  ///
  /// - Parameters:
  ///   - tensor: without its streams
  ///   - streams: the codes, scales and zero points
  ///   - team: threads to read the whole matrix with, where its rows were scaled
  init?(
    _ tensor: PackTensor, streams: [PackStream], parent: PackReader, team: ThreadTeam?
  ) throws(PackError) {
    guard let panelBytes = CodeDifferences.panelBytes(tensor), let codes = streams.first?.bytes,
      streams[0].kind == .codes,
      let matrix = Self.matrix(tensor, streams),
      let plain = try CodeDifferences(
        tensor, scales: Self.copy(streams[1].bytes),
        zeros: streams.count > 2 ? Self.copy(streams[2].bytes) : nil,
        factors: nil, parent: parent)
    else { return nil }
    let sample = Sample(codes: codes, panelBytes: panelBytes, count: Self.samplePanels)
    let own = try sample.bitsPerByte()
    let bits = try sample.bitsPerByte(plain)
    let scaling = ScalingEstimate(matrix, plain)
    let sampled = try scaling.factors(sample.panels)
    let scaledBits = try sample.bitsPerByte(plain.with(sampled))
    // Estimated factors are not exact; where nothing was scaled they make the prediction worse.
    let isScaled = scaledBits < bits * (1 - Self.gainMin)
    guard min(bits, isScaled ? scaledBits : bits) < own * (1 - Self.gainMin) else { return nil }
    guard isScaled else {
      (differences, factorBits) = (plain, nil)
      return
    }
    let factors = try scaling.withAllRows(sampled, team: team)
    differences = plain.with(factors)
    factorBits = HostBuffer(
      factors.columns.buffer.map(\.bfloat16Bits) + factors.rows.buffer.map(\.bfloat16Bits))
  }

  private static func copy(_ bytes: UnsafeRawBufferPointer) -> HostBuffer<UInt8> {
    let copy = HostBuffer<UInt8>(count: bytes.count)
    copy.bytes.copyMemory(from: bytes)
    return copy
  }

  /// The tensor's own weights; its memory is the streams'.
  private static func matrix(_ tensor: PackTensor, _ streams: [PackStream]) -> WeightMatrix? {
    guard let format = WeightFormat(name: tensor.scheme, group: tensor.group) else { return nil }
    let none = UnsafeRawBufferPointer(start: nil, count: 0)
    let matrix = try? QuantizedMatrix(
      rows: tensor.shape[0], columns: tensor.shape[1], format: format, codes: streams[0].bytes,
      scales: streams[1].bytes.bindMemory(to: UInt16.self),
      zeros: streams.count > 2 ? streams[2].bytes : none,
      owner: HostBuffer<UInt8>(count: 0))
    return matrix.map { .quantized($0) }
  }
}

/// Some panels of a tensor's codes, evenly spread.
private struct Sample {
  let codes: UnsafeRawBufferPointer
  let panelBytes: Int
  let panels: [Int]

  init(codes: UnsafeRawBufferPointer, panelBytes: Int, count: Int) {
    self.codes = codes
    self.panelBytes = panelBytes
    let all = codes.count / panelBytes
    panels = all <= count ? Array(0..<all) : (0..<count).map { $0 * all / count }
  }

  /// The entropy of a byte of the codes, or of their differences.
  func bitsPerByte(_ differences: CodeDifferences? = nil) throws(PackError) -> Double {
    var counts = [Int](repeating: 0, count: 256)
    let scratch = HostBuffer<UInt8>(count: panelBytes)
    for panel in panels {
      let range = panel * panelBytes..<(panel + 1) * panelBytes
      scratch.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: codes[range]))
      try differences?.apply(.subtract, to: scratch.bytes, of: range)
      for byte in scratch.buffer { counts[Int(byte)] += 1 }
    }
    let total = Double(panels.count * panelBytes)
    return counts.reduce(0) { $1 == 0 ? $0 : $0 - Double($1) / total * log2(Double($1) / total) }
  }
}

/// The factors per column and row that bring the parent's weights nearest to the tensor's, by least squares: first the
/// columns', then the rows'.
private struct ScalingEstimate {
  private let matrix: WeightMatrix
  private let differences: CodeDifferences
  private let kernels = Kernels(.portable)

  private var columns: Int { matrix.columns }

  init(_ matrix: WeightMatrix, _ differences: CodeDifferences) {
    self.matrix = matrix
    self.differences = differences
  }

  /// Column factors from these panels, and row factors of these panels' rows; 1 for all other rows.
  func factors(_ panels: [Int]) throws(PackError) -> CodePrediction.Factors {
    var products = [Double](repeating: 0, count: columns)
    var squares = products
    for panel in panels {
      try forEachRow(of: panel) { _, own, other in
        for column in 0..<columns {
          products[column] += Double(own[column]) * Double(other[column])
          squares[column] += Double(other[column]) * Double(other[column])
        }
      }
    }
    let columnFactors = HostBuffer(zip(products, squares).map { Self.factor($0, $1) })
    let rows = HostBuffer<Float>(count: matrix.rows)
    for row in 0..<rows.count { rows[row] = 1 }
    let factors = CodePrediction.Factors(columns: columnFactors, rows: rows)
    for panel in panels { try setRows(of: panel, factors) }
    return factors
  }

  /// The same columns with the factors of all rows.
  func withAllRows(
    _ factors: CodePrediction.Factors, team: ThreadTeam?
  ) throws(PackError) -> CodePrediction.Factors {
    let next = Atomic<Int>(0)
    let panelCount = QuantizedMatrix.panelCount(rows: matrix.rows)
    let failure = Mutex<PackError?>(nil)
    let work = { @Sendable (_: Int, _: Int) in
      while true {
        let panel = next.add(1, ordering: .relaxed).oldValue
        guard panel < panelCount else { return }
        do throws(PackError) {
          try setRows(of: panel, factors)
        } catch {
          failure.withLock { $0 = $0 ?? error }
        }
      }
    }
    if let team { team.run(work) } else { work(0, 1) }
    if let error = failure.withLock({ $0 }) { throw error }
    return factors
  }

  private func setRows(of panel: Int, _ factors: CodePrediction.Factors) throws(PackError) {
    try forEachRow(of: panel) { row, own, other in
      var (products, squares) = (0.0, 0.0)
      for column in 0..<columns {
        let scaled = Double(other[column] * factors.columns[column])
        products += Double(own[column]) * scaled
        squares += scaled * scaled
      }
      factors.rows[row] = Self.factor(products, squares)
    }
  }

  /// A bf16 number; 1 where the quotient is of no use.
  private static func factor(_ products: Double, _ squares: Double) -> Float {
    let factor = Float(products / squares).roundedToBfloat16
    return factor.isFinite && factor > 0 ? factor : 1
  }

  private func forEachRow(
    of panel: Int, _ body: (_ row: Int, _ own: UnsafePointer<Float>, _ other: UnsafePointer<Float>) -> Void
  ) throws(PackError) {
    let first = panel * CodeDifferences.panelRows
    let rows = first..<min(first + CodeDifferences.panelRows, matrix.rows)
    let parent = try differences.parentMatrix(rows, panel..<panel + 1)
    let own = HostBuffer<Float>(count: columns)
    let other = HostBuffer<Float>(count: columns)
    for row in rows {
      matrix.dequantizeRow(row, into: own.pointer, kernels: kernels)
      parent.dequantizeRow(row - first, into: other.pointer, kernels: kernels)
      body(row, own.pointer, other.pointer)
    }
    withExtendedLifetime((own, other)) {}
  }
}
