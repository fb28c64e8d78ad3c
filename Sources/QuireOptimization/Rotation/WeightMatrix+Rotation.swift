import QuireTensors

// Sums of a rotation run in float64 and are rounded once.
extension WeightMatrix {
  /// `W·diag(f)·R`, float32, for R that acts on the inputs.
  ///
  /// - Parameter factors: f, one for each input; nil: all 1
  func rotatedInputs(
    by rotation: AxisRotation, factors: HostBuffer<Float>? = nil, _ compute: Compute
  ) -> WeightMatrix {
    let columns = columns
    let values = HostBuffer<Float>(count: rows * columns)
    rotateInputs(by: rotation, factors: factors, compute) { row, line in
      (values.pointer + row * columns).update(from: line, count: columns)
    }
    return .dense(DenseMatrix(rows: rows, columns: columns, values: values))
  }

  /// The same, rounded to bf16 row by row.
  func rotatedInputsInBfloat16(
    by rotation: AxisRotation, factors: HostBuffer<Float>? = nil, _ compute: Compute
  ) -> WeightMatrix {
    let columns = columns
    let bits = HostBuffer<UInt16>(count: rows * columns)
    rotateInputs(by: rotation, factors: factors, compute) { row, line in
      let target = bits.pointer + row * columns
      for column in 0..<columns { target[column] = line[column].bfloat16Bits }
    }
    return .dense(
      DenseMatrix(
        rows: rows, columns: columns, element: .bfloat16, base: UnsafeRawPointer(bits.pointer), owner: bits))
  }

  /// Calls `body`, from all threads, with every row of `W·diag(f)·R`.
  private func rotateInputs(
    by rotation: AxisRotation, factors: HostBuffer<Float>?, _ compute: Compute,
    _ body: (_ row: Int, UnsafePointer<Float>) -> Void
  ) {
    precondition(rotation.order == columns, "\(columns) inputs, a rotation of \(rotation.order)")
    let (rows, columns, width) = (rows, columns, RotationBuffers.width)
    compute.team.run { thread, count in
      let buffers = RotationBuffers(rotation)
      let line = HostBuffer<Float>(count: columns)
      for tile in ThreadTeam.range(of: (rows + width - 1) / width, share: thread, count: count) {
        let first = tile * width
        let laneCount = min(width, rows - first)
        for lane in 0..<laneCount {
          dequantizeRow(first + lane, into: line.pointer, kernels: compute.kernels)
          for column in 0..<columns {
            buffers.values[column * width + lane] =
              Double(line.pointer[column]) * Double(factors?.pointer[column] ?? 1)
          }
        }
        buffers.rotate()
        for lane in 0..<laneCount {
          for column in 0..<columns { line.pointer[column] = Float(buffers.values[column * width + lane]) }
          body(first + lane, line.pointer)
        }
      }
    }
  }

  /// `Rᵀ·W`, float32, for R that acts on the outputs.
  func rotatedOutputs(by rotation: AxisRotation, _ compute: Compute) -> WeightMatrix {
    precondition(rotation.order == rows, "\(rows) outputs, a rotation of \(rotation.order)")
    let (rows, columns, width) = (rows, columns, RotationBuffers.width)
    let values = copied(compute)
    compute.team.run { thread, count in
      let buffers = RotationBuffers(rotation)
      for tile in ThreadTeam.range(of: (columns + width - 1) / width, share: thread, count: count) {
        let first = tile * width
        let laneCount = min(width, columns - first)
        for row in 0..<rows {
          let line = values.pointer + row * columns + first
          for lane in 0..<laneCount { buffers.values[row * width + lane] = Double(line[lane]) }
        }
        buffers.rotate()
        for row in 0..<rows {
          let line = values.pointer + row * columns + first
          for lane in 0..<laneCount { line[lane] = Float(buffers.values[row * width + lane]) }
        }
      }
    }
    return .dense(DenseMatrix(rows: rows, columns: columns, values: values))
  }

  /// All weights (row, column).
  private func copied(_ compute: Compute) -> HostBuffer<Float> {
    let (rows, columns) = (rows, columns)
    let values = HostBuffer<Float>(count: rows * columns)
    compute.team.run { thread, count in
      for row in ThreadTeam.range(of: rows, share: thread, count: count) {
        dequantizeRow(row, into: values.pointer + row * columns, kernels: compute.kernels)
      }
    }
    return values
  }
}
