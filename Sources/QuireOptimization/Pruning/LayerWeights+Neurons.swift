import QuireCalibration
package import QuireModel
package import QuireTensors

extension LayerWeights {
  /// The layer with only the given intermediate channels, and `downProjection` instead of its own.
  package func keepingNeurons(_ kept: [Int], downProjection: WeightMatrix) -> LayerWeights {
    LayerWeights(
      shape: shape.keepingNeurons(kept.count), inputNorm: inputNorm, queryProjection: queryProjection,
      keyProjection: keyProjection, valueProjection: valueProjection, queryNorm: queryNorm, keyNorm: keyNorm,
      outputProjection: outputProjection, postAttentionNorm: postAttentionNorm,
      gateProjection: gateProjection.keepingRows(of: kept, headSize: 1),
      upProjection: upProjection.keepingRows(of: kept, headSize: 1), downProjection: downProjection)
  }
}

extension LayerShape {
  package func keepingNeurons(_ count: Int) -> LayerShape {
    LayerShape(
      keyValueHeadCount: keyValueHeadCount, keyValueHeadOfQueryHead: keyValueHeadOfQueryHead,
      intermediateSize: count)
  }
}
