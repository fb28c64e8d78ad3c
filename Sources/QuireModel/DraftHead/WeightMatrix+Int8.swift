import QuireTensors

extension WeightMatrix {
  /// The matrix in `format`: integers of 8 bits with a scale per output channel, rounded to nearest, or as it is. It also
  /// stays as it is where the format cannot have its width.
  func stored(as format: WeightFormat, team: ThreadTeam) -> WeightMatrix {
    guard format == .int8(), (try? format.validate(columns: columns, name: "")) != nil else { return self }
    let codes = HostBuffer<Int8>(count: rows * columns)
    let scales = HostBuffer<Float>(count: rows)
    team.run { share, count in
      let row = HostBuffer<Float>(count: columns)
      for index in ThreadTeam.range(of: rows, share: share, count: count) {
        dequantizeRow(index, into: row.pointer, kernels: Kernels(.portable))
        scales[index] = Self.round(row, into: codes.pointer + index * columns)
      }
    }
    do {
      return .quantized(
        try QuantizedMatrix.encode(
          codes: codes.pointer, scales: scales.pointer, rows: rows, columns: columns, format: format))
    } catch {
      preconditionFailure("codes of another format: \(error)")
    }
  }

  /// Writes the codes of one channel, and returns its scale.
  private static func round(_ row: HostBuffer<Float>, into codes: UnsafeMutablePointer<Int8>) -> Float {
    var largest: Float = 0
    for index in 0..<row.count { largest = max(largest, abs(row[index])) }
    let scale = (largest / 127).roundedToBfloat16
    guard scale > 0 else {
      codes.update(repeating: 0, count: row.count)
      return 0
    }
    for index in 0..<row.count {
      codes[index] = Int8(min(max((row[index] / scale).rounded(), -127), 127))
    }
    return scale
  }
}
