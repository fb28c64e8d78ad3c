import CKernels

/// Predicts the codes of a quantized matrix from another version of the same matrix: other bits, another group or another
/// method of rounding. Packs store the differences, of which most are zero or near it.
///
/// A code is predicted as the nearest one to the other version's weight, after factors per input column and output channel
/// that undo a smoothing. `QuirePacks/Format.md` gives each operation; the result has the same bits on every machine.
package struct CodePrediction {
  /// How the other version's weights differ by scaling.
  package struct Factors: Sendable {
    package let columns: HostBuffer<Float>  // (columns)
    package let rows: HostBuffer<Float>  // (rows)

    package init(columns: HostBuffer<Float>, rows: HostBuffer<Float>) {
      self.columns = columns
      self.rows = rows
    }
  }

  package enum Direction { case subtract, add }

  /// Input columns predicted at a time: no group is smaller.
  private static let runColumns = 32
  private static let panelRows = QuantizedMatrix.panelRows

  private let parent: WeightMatrix
  private let format: WeightFormat
  private let scales: UnsafeBufferPointer<UInt16>
  private let zeros: UnsafeRawBufferPointer
  private let factors: Factors?
  private let firstRow: Int

  private var columns: Int { parent.columns }
  private var rows: Int { parent.rows }
  private var groupSize: Int { format.group ?? columns }
  private var groupCount: Int { columns / groupSize }

  /// - Parameters:
  ///   - parent: some rows of the other version, from a multiple of 32 on
  ///   - format: that of the codes to predict; not bf16
  ///   - scales: of these rows, [rows/32][groups][32], with their zero points where the format has them
  ///   - factors: of the whole matrix
  ///   - firstRow: the row of the whole matrix that is row 0 of `parent`
  package init(
    from parent: WeightMatrix, format: WeightFormat, scales: UnsafeBufferPointer<UInt16>,
    zeros: UnsafeRawBufferPointer, factors: Factors?, firstRow: Int
  ) {
    precondition(
      scales.count == format.scaleCount(rows: parent.rows, columns: parent.columns)
        && zeros.count == format.zeroByteCount(rows: parent.rows, columns: parent.columns),
      "scales belong to the predicted rows")
    precondition(
      !format.scheme.isNonlinear && !parent.format.scheme.isNonlinear, "levels have no differences")
    self.parent = parent
    self.format = format
    self.scales = scales
    self.zeros = zeros
    self.factors = factors
    self.firstRow = firstRow
  }

  /// Replaces the codes of these rows by their differences from the predicted ones, or the other way round.
  package func apply(_ direction: Direction, to codes: UnsafeMutableRawBufferPointer) {
    precondition(
      codes.count == format.codeByteCount(rows: rows, columns: columns), "codes belong to the predicted rows")
    guard let base = codes.bindMemory(to: UInt8.self).baseAddress else { return }
    let bits: Int32 = format.scheme == .int8 ? 8 : 4
    let quadBytes = Self.panelRows * 4 * Int(bits) / 8
    let predicted = HostBuffer<UInt8>(count: Self.runColumns / 4 * quadBytes)
    var run = Run()
    for panel in 0..<QuantizedMatrix.panelCount(rows: rows) {
      run.widen(panel, of: parent)
      for first in stride(from: 0, to: columns, by: Self.runColumns) {
        let quads = min(Self.runColumns, columns - first) / 4
        run.expand(panel, first..<first + 4 * quads, of: parent)
        setRatios(panel, first, &run)
        quire_predict_codes(
          run.values.pointer, factors.map { UnsafePointer($0.columns.pointer + first) }, run.ratios.pointer,
          run.zeros.pointer, bits, Int32(quads), predicted.pointer)
        let target = base + (panel * (columns / 4) + first / 4) * quadBytes
        let bytes = Int64(quads * quadBytes)
        switch direction {
        case .subtract: quire_subtract_codes(target, predicted.pointer, bits, bytes)
        case .add: quire_add_codes(target, predicted.pointer, bits, bytes)
        }
      }
    }
    withExtendedLifetime((predicted, run)) {}
  }

  /// The ratios of the two versions' scales, and the zero points, of a panel's channels at input column `first`.
  private func setRatios(_ panel: Int, _ first: Int, _ run: inout Run) {
    let offset = panel * groupCount + first / groupSize
    for channel in 0..<Self.panelRows {
      let row = panel * Self.panelRows + channel
      run.zeros[channel] = zeroPoint(channel, group: offset)
      // Channels beyond the last one are zero weights.
      guard row < rows else {
        run.ratios[channel] = 0
        continue
      }
      var ratio = run.scales[channel] / format.scaleType.value(scales[offset * Self.panelRows + channel])
      if let factors { ratio *= factors.rows[firstRow + row] }
      run.ratios[channel] = ratio
    }
  }

  private func zeroPoint(_ channel: Int, group: Int) -> Int32 {
    guard !format.isSymmetric else { return Int32(format.symmetricZero) }
    return Int32(format.zeroPoint(of: channel, group: group, in: zeros))
  }
}

extension CodePrediction {
  /// One run of input columns of a panel of the other version.
  fileprivate struct Run {
    let values = HostBuffer<Float>(count: 32 * 32)  // [quads][32][4]
    let scales = HostBuffer<Float>(count: 32)
    let ratios = HostBuffer<Float>(count: 32)
    let zeros = HostBuffer<Int32>(count: 32)
    private let parentZeros = HostBuffer<Float>(count: 32)
    private let kernels = Kernels(.portable)
    private var dense = HostBuffer<Float>(count: 0)  // (32, columns)

    /// Widens a panel of floats; integers are expanded run by run.
    mutating func widen(_ panel: Int, of matrix: WeightMatrix) {
      guard case .dense(let floats) = matrix else { return }
      if dense.count == 0 { dense = HostBuffer(count: 32 * floats.columns) }
      let count = min(32, floats.rows - panel * 32)
      for channel in 0..<count {
        matrix.dequantizeRow(
          panel * 32 + channel, into: dense.pointer + channel * floats.columns, kernels: kernels)
      }
      for index in count * floats.columns..<dense.count { dense[index] = 0 }
    }

    /// Sets `values` and `scales`. Values of channels beyond the last one are not read.
    func expand(_ panel: Int, _ columns: Range<Int>, of matrix: WeightMatrix) {
      switch matrix {
      case .dense(let floats):
        for channel in 0..<32 {
          scales[channel] = 1
          let source = dense.pointer + channel * floats.columns
          for column in columns {
            let offset = column - columns.lowerBound
            values[(offset / 4 * 32 + channel) * 4 + offset % 4] = source[column]
          }
        }
      case .quantized(let integers):
        expand(panel, columns, of: integers)
      }
    }

    private func expand(_ panel: Int, _ columns: Range<Int>, of integers: QuantizedMatrix) {
      let format = integers.format
      let group = panel * integers.groupCount + columns.lowerBound / integers.groupSize
      for channel in 0..<32 {
        scales[channel] = format.scaleType.value(integers.scales[group * 32 + channel])
        parentZeros[channel] =
          format.isSymmetric
          ? Float(format.symmetricZero)
          : Float(format.zeroPoint(of: channel, group: group, in: integers.zeros))
      }
      let bits: Int32 = format.scheme == .int8 ? 8 : 4
      let quadBytes = 128 * Int(bits) / 8
      let quad = panel * (integers.columns / 4) + columns.lowerBound / 4
      guard let codes = integers.codes.bindMemory(to: UInt8.self).baseAddress else { return }
      quire_expand_codes(
        codes + quad * quadBytes, bits, parentZeros.pointer, Int32(columns.count / 4), values.pointer)
    }
  }
}

extension WeightFormat {
  /// The zero point of a channel of a panel; `group` counts the groups of all panels.
  @inline(__always)
  func zeroPoint(of channel: Int, group: Int, in zeros: UnsafeRawBufferPointer) -> UInt8 {
    guard scheme == .int4 else { return zeros[group * 32 + channel] }
    let byte = zeros[group * 16 + channel % 16]
    return channel < 16 ? byte & 15 : byte >> 4
  }
}
