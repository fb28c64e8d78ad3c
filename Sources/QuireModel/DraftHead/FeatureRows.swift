import QuireTensors

/// The hidden states of a batch that a draft head reads: the residual stream of each row after some of the layers, side by
/// side. Valid until the next batch.
// Unchecked: written by the thread that runs the forward pass, and read by the same between two batches.
package final class FeatureRows: @unchecked Sendable {
  /// Floats of a row.
  package let width: Int
  private let layers: [Int]
  private let hiddenSize: Int
  private let rows: HostBuffer<Float>  // (row, feature, hidden)

  init(layers: [Int], hiddenSize: Int, maximumRows: Int) {
    self.layers = layers
    self.hiddenSize = hiddenSize
    width = layers.count * hiddenSize
    rows = HostBuffer(count: maximumRows * width)
  }

  var byteCount: Int { rows.byteCount }

  /// Bytes of so many rows.
  package static func byteCount(hiddenSize: Int, maximumRows: Int) -> Int {
    4 * maximumRows * DraftHeadConfiguration.featureCount * hiddenSize
  }

  /// The features of a row of the batch.
  package func row(_ index: Int) -> UnsafePointer<Float> { UnsafePointer(rows.pointer + index * width) }

  /// Keeps the hidden states of all rows if they are a feature.
  func keep(_ hidden: UnsafeBufferPointer<Float>, layersDone: Int) {
    guard let base = hidden.baseAddress else { return }
    for (feature, layer) in layers.enumerated() where layer == layersDone {
      for row in 0..<hidden.count / hiddenSize {
        (rows.pointer + row * width + feature * hiddenSize)
          .update(from: base + row * hiddenSize, count: hiddenSize)
      }
    }
  }
}
