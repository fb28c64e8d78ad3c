import QuireModel
import TestSupport
import Testing

@Suite struct TensorNameTests {
  private func configuration(_ checkpoint: TinyCheckpoint) -> ModelConfiguration {
    let layer = LayerShape(
      queryHeadCount: checkpoint.queryHeadCount, keyValueHeadCount: checkpoint.keyValueHeadCount,
      intermediateSize: checkpoint.intermediateSize)
    return ModelConfiguration(
      hiddenSize: checkpoint.hiddenSize, headSize: checkpoint.headSize,
      vocabularySize: checkpoint.vocabularySize, tiesEmbeddings: checkpoint.tiesEmbeddings,
      layers: Array(repeating: layer, count: checkpoint.layerCount))
  }

  @Test(arguments: [false, true])
  func namesAndShapesAreThoseOfTheFiles(isTied: Bool) {
    let checkpoint = TinyCheckpoint(layerCount: 11, keyValueHeadCount: 1, tiesEmbeddings: isTied)
    let model = configuration(checkpoint)
    let expected = Dictionary(uniqueKeysWithValues: checkpoint.tensorShapes.map { ($0.name, $0.shape) })
    let listed = Dictionary(
      uniqueKeysWithValues: model.tensorNames.map { ($0.string, $0.shape(in: model)) })
    #expect(listed == expected)
    #expect(model.parameterCount == expected.values.reduce(0) { $0 + $1.reduce(1, *) })
  }

  @Test func everyNameReadsBack() {
    let model = configuration(TinyCheckpoint(layerCount: 12))
    for name in model.tensorNames {
      #expect(TensorName(name.string) == name)
      #expect(name.isNorm == (name.shape(in: model).count == 1))
    }
  }

  @Test(arguments: [
    "", "model.layers.1.mlp.gate_proj", "model.layers.01.mlp.gate_proj.weight",
    "model.layers.-1.mlp.gate_proj.weight", "model.layers.x.mlp.gate_proj.weight",
    "model.layers.1.mlp.gate_proj.bias", "model.layers.1.self_attn.q_proj.weight.weight", "lm_head",
    "model.layers.99999999999999999999.mlp.gate_proj.weight", "model.layers..mlp.gate_proj.weight",
  ])
  func otherNamesAreNotOurs(name: String) {
    #expect(TensorName(name) == nil)
  }

  @Test func everyProjectionHasItsActivation() {
    let bySite = Dictionary(grouping: LayerTensor.projections) { $0.activationSite }
    #expect(bySite[.attentionInput] == [.queryProjection, .keyProjection, .valueProjection])
    #expect(bySite[.attentionOutput] == [.outputProjection])
    #expect(bySite[.mlpInput] == [.gateProjection, .upProjection])
    #expect(bySite[.mlpOutput] == [.downProjection])
    #expect(LayerTensor.allCases.count == LayerTensor.projections.count + 4)
  }

  @Test func prunedLayersHaveTheirOwnShapes() {
    let pruned = LayerShape(
      keyValueHeadCount: 2, keyValueHeadOfQueryHead: [1, 0, 0], intermediateSize: 96)
    let model = configuration(TinyCheckpoint()).replacingLayers([
      LayerShape(queryHeadCount: 4, keyValueHeadCount: 2, intermediateSize: 128), pruned,
    ])
    #expect(TensorName.layer(1, .queryProjection).shape(in: model) == [96, 64])
    #expect(TensorName.layer(1, .keyProjection).shape(in: model) == [64, 64])
    #expect(TensorName.layer(1, .outputProjection).shape(in: model) == [64, 96])
    #expect(TensorName.layer(1, .downProjection).shape(in: model) == [64, 96])
    #expect(TensorName.layer(0, .outputProjection).shape(in: model) == [64, 128])
    #expect(!pruned.isRegular)
  }
}
