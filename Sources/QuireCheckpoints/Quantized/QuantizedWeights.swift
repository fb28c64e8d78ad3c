/// A checkpoint's tensors: those that hold floats, and the matrices that several tensors encode.
struct QuantizedWeights {
  let plain: [String: (file: Int, record: TensorRecord)]
  let encoded: [String: EncodedMatrix]
  let notices: [String]

  init(_ weights: WeightFiles, _ quantization: StoredQuantization?) throws(CheckpointError) {
    guard let quantization else {
      (plain, encoded, notices) = (weights.tensors, [:], [])
      return
    }
    let finder = EncodedMatrixFinder(
      quantization: quantization,
      tensors: weights.tensors.mapValues {
        EncodedMatrix.Part(file: weights.files[$0.file], record: $0.record)
      })
    encoded = try finder.matrices()
    var rest = weights.tensors
    for matrix in encoded.values {
      for part in matrix.parts.values { rest[part.record.name] = nil }
    }
    if let both = encoded.values.first(where: { rest[$0.name] != nil }) {
      throw .malformed(
        path: both.main.file, expected: "one form of the matrix \"\(both.name)\"",
        found: "\"\(both.main.name)\" as well")
    }
    let unused = finder.activationScales
    for name in unused { rest[name] = nil }
    plain = rest
    notices =
      unused.isEmpty
      ? [] : ["\(unused.count) scales of activations or of the KV cache are not used: Quire computes its own"]
  }
}
