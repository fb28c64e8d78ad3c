import QuireCalibration
import QuireFiles
package import QuireModel
package import QuireTensors

extension LayerWeights {
  /// The layer with only the heads that were kept: fewer rows of the query, key and value projections, and
  /// `outputProjection` instead of its own.
  package func keepingHeads(
    of result: HeadPruningResult, headSize: Int, outputProjection: WeightMatrix
  ) -> LayerWeights {
    LayerWeights(
      shape: result.shape, inputNorm: inputNorm,
      queryProjection: queryProjection.keepingRows(of: result.keptQueryHeads, headSize: headSize),
      keyProjection: keyProjection.keepingRows(of: result.keptKeyValueHeads, headSize: headSize),
      valueProjection: valueProjection.keepingRows(of: result.keptKeyValueHeads, headSize: headSize),
      queryNorm: queryNorm, keyNorm: keyNorm, outputProjection: outputProjection,
      postAttentionNorm: postAttentionNorm, gateProjection: gateProjection, upProjection: upProjection,
      downProjection: downProjection)
  }
}

extension WeightMatrix {
  /// The rows of the given heads (with a size of 1, the given rows), bit for bit. Precondition: the matrix is
  /// dense.
  func keepingRows(of heads: [Int], headSize: Int) -> WeightMatrix {
    guard case .dense(let matrix) = self else { preconditionFailure("pruning comes before quantization") }
    let headBytes = headSize * matrix.columns * matrix.element.byteCount
    let kept = HostBuffer<UInt8>(count: heads.count * headBytes)
    for (index, head) in heads.enumerated() {
      UnsafeMutableRawPointer(kept.pointer + index * headBytes)
        .copyMemory(from: matrix.base + head * headBytes, byteCount: headBytes)
    }
    return .dense(
      DenseMatrix(
        rows: heads.count * headSize, columns: matrix.columns, element: matrix.element,
        base: UnsafeRawPointer(kept.pointer), owner: kept))
  }
}
