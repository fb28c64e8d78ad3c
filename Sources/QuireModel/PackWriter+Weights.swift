package import QuirePacks
package import QuireTensors

/// Writes weights as a pack's tensors: names and shapes are the model's, bytes are in the kernels' layout.
extension PackWriter {
  /// Appends a matrix as it is stored: codes, scales and zero points, or the floats of a dense matrix.
  package func add(_ matrix: WeightMatrix, as name: TensorName) throws(ModelError) {
    switch matrix {
    case .dense(let dense):
      let stream = PackStream(
        kind: dense.element == .bfloat16 ? .bf16 : .raw, bytes: dense.bytes,
        rowBytes: dense.columns * dense.element.byteCount)
      try add(
        name, shape: [dense.rows, dense.columns], scheme: PackScheme.name(dense.element), group: nil,
        streams: [stream])
    case .quantized(let quantized):
      let format = quantized.format
      let panel = 32
      var streams = [
        PackStream(
          kind: .codes, bytes: quantized.codes,
          rowBytes: format.codeByteCount(rows: panel, columns: quantized.columns)),
        PackStream(
          kind: .scales, bytes: UnsafeRawBufferPointer(quantized.scales),
          rowBytes: 2 * format.scaleCount(rows: panel, columns: quantized.columns)),
      ]
      if !format.isSymmetric {
        streams.append(
          PackStream(
            kind: .zeros, bytes: quantized.zeros,
            rowBytes: format.zeroByteCount(rows: panel, columns: quantized.columns)))
      }
      try add(
        name, shape: [quantized.rows, quantized.columns], scheme: format.name, group: format.group,
        streams: streams)
    }
  }

  /// Appends a norm's weights: as bf16 where that is lossless, which is always so for published checkpoints,
  /// otherwise as float32.
  package func add(norm: HostBuffer<Float>, as name: TensorName) throws(ModelError) {
    if norm.buffer.allSatisfy({ $0.roundedToBfloat16 == $0 }) {
      let bits = HostBuffer(norm.buffer.map(\.bfloat16Bits))
      let stream = PackStream(
        kind: .bf16, bytes: UnsafeRawBufferPointer(bits.bytes), rowBytes: bits.byteCount)
      try add(name, shape: [norm.count], scheme: PackScheme.name(.bfloat16), group: nil, streams: [stream])
      return withExtendedLifetime(bits) {}
    }
    let stream = PackStream(kind: .raw, bytes: UnsafeRawBufferPointer(norm.bytes), rowBytes: norm.byteCount)
    try add(name, shape: [norm.count], scheme: PackScheme.name(.float32), group: nil, streams: [stream])
  }

  /// Appends all tensors of one layer.
  package func add(_ layer: LayerWeights, index: Int) throws(ModelError) {
    for tensor in LayerTensor.allCases {
      if tensor.isNorm {
        try add(norm: layer[norm: tensor], as: .layer(index, tensor))
      } else {
        try add(layer[tensor], as: .layer(index, tensor))
      }
    }
  }

  /// Appends all tensors of a model in the order of `tensorNames`.
  package func add(_ model: Model) throws(ModelError) {
    for name in model.configuration.tensorNames {
      if name.isNorm {
        try add(norm: model.norm(name), as: name)
      } else {
        try add(model.matrix(name), as: name)
      }
    }
  }

  private func add(
    _ name: TensorName, shape: [Int], scheme: String, group: Int?, streams: [PackStream]
  ) throws(ModelError) {
    do {
      try addTensor(name: name.string, shape: shape, scheme: scheme, group: group, streams: streams)
    } catch {
      throw .pack(error.description)
    }
  }
}
