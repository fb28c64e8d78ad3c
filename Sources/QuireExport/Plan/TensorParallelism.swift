package import QuireModel
import QuireTensors

/// The numbers of devices that vLLM can divide a model over by tensor parallelism.
package struct TensorParallelism {
  /// vLLM pads the vocabulary to a multiple of it.
  private static let vocabularyPadding = 64
  private static let largest = 64

  let configuration: ModelConfiguration
  /// Groups of the columns that are divided: those of `o_proj` and of `down_proj`.
  var outputGroup: Int
  var downGroup: Int

  package init(configuration: ModelConfiguration, outputGroup: Int = 1, downGroup: Int = 1) {
    self.configuration = configuration
    self.outputGroup = outputGroup
    self.downGroup = downGroup
  }

  /// From 1 to 64.
  package var sizes: [Int] { (1...Self.largest).filter(divides) }

  /// Query heads, neurons and the padded vocabulary must divide evenly, and KV heads divide or be repeated evenly. A
  /// device's columns of a matrix must be whole groups.
  private func divides(_ size: Int) -> Bool {
    let layer = configuration.layers[0]
    let padding = Self.vocabularyPadding
    let vocabulary = (configuration.vocabularySize + padding - 1) / padding * padding
    let headColumns = layer.queryHeadCount * configuration.headSize
    return layer.queryHeadCount % size == 0 && layer.intermediateSize % size == 0 && vocabulary % size == 0
      && (layer.keyValueHeadCount % size == 0 || size % layer.keyValueHeadCount == 0)
      && headColumns / size % outputGroup == 0 && layer.intermediateSize / size % downGroup == 0
  }
}

extension ExportPlan {
  /// The sizes that fit the shape and the exported groups.
  var tensorParallelSizes: [Int] {
    var parallelism = TensorParallelism(configuration: configuration)
    for tensor in tensors {
      guard case .layer(_, let part) = tensor.name, case .packed(let format) = tensor.encoding else {
        continue
      }
      let group = format.group ?? 1
      if part == .outputProjection { parallelism.outputGroup = max(parallelism.outputGroup, group) }
      if part == .downProjection { parallelism.downGroup = max(parallelism.downGroup, group) }
    }
    return parallelism.sizes
  }
}
