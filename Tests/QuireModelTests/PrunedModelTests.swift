import QuireModel
import QuireTensors
import TestSupport
import Testing

/// The forward pass in float32 against the definition in Double.
private let referenceTolerance: Float = 5e-5
/// The same sums in another order.
private let reorderTolerance: Float = 5e-5

@Suite struct PrunedModelTests {
  private static let checkpoint = TinyCheckpoint(
    vocabularySize: 97, hiddenSize: 48, intermediateSize: 72, layerCount: 3, queryHeadCount: 6,
    keyValueHeadCount: 3, headSize: 16)

  private var prompt: [Int32] {
    var generator = SeededGenerator(seed: 31)
    return generator.tokens(41, vocabularySize: Self.checkpoint.vocabularySize)
  }

  /// Random weights for layers of any shape.
  private func randomWeights(_ configuration: ModelConfiguration) -> ArrayWeights {
    var source = ArrayWeights(files: [])
    for name in configuration.tensorNames {
      source.values[name.string] = Self.checkpoint.values(
        of: name.string, shape: name.shape(in: configuration))
    }
    return source
  }

  /// Layer shapes that no published model has: fewer heads, uneven groups, maps out of order, other widths.
  static let shapes: [[LayerShape]] = [
    Array(repeating: LayerShape(queryHeadCount: 6, keyValueHeadCount: 3, intermediateSize: 72), count: 3),
    [
      LayerShape(queryHeadCount: 1, keyValueHeadCount: 1, intermediateSize: 4),
      LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [0, 0, 0, 1], intermediateSize: 33),
      LayerShape(keyValueHeadCount: 3, keyValueHeadOfQueryHead: [2, 0, 1, 0, 2], intermediateSize: 100),
    ],
    [
      LayerShape(queryHeadCount: 7, keyValueHeadCount: 7, intermediateSize: 72),
      LayerShape(queryHeadCount: 5, keyValueHeadCount: 1, intermediateSize: 1),
      LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: [1, 0], intermediateSize: 72),
    ],
  ]

  @Test(arguments: shapes, [false, true])
  func agreesWithTheDefinition(layers: [LayerShape], isTied: Bool) throws {
    let base = Self.checkpoint.configuration
    let configuration = ModelConfiguration(
      hiddenSize: base.hiddenSize, headSize: base.headSize, vocabularySize: base.vocabularySize,
      rope: RopeParameters(theta: 10000), tiesEmbeddings: isTied, layers: layers)
    let source = randomWeights(configuration)
    let truth = ReferenceModel(configuration: configuration, values: source.values).logits(prompt)
    let model = try Model(configuration: configuration, source: source)
    let whole = model.logits(prompt)
    let difference = largestDifference(whole, truth)
    #expect(difference <= referenceTolerance)
    #expect(model.logits(prompt, RunOptions(threadCount: 1, chunk: 9)) == whole)
  }

  /// Removing heads whose output columns are zero changes nothing.
  @Test(arguments: [[0], [1, 4], [0, 1], [5, 2, 0]])
  func removingSilentHeadsChangesNothing(silent: [Int]) throws {
    let configuration = Self.checkpoint.configuration
    var source = randomWeights(configuration)
    let width = 6 * configuration.headSize
    for layer in 0..<3 {
      let name = TensorName.layer(layer, .outputProjection).string
      for index in source.values[name, default: []].indices
      where silent.contains(index % width / configuration.headSize) {
        source.values[name]?[index] = 0
      }
    }
    let full = try Model(configuration: configuration, source: source)
    let pruned = try prune(source, silent: silent)
    #expect(pruned.weightBytes < full.weightBytes)
    let difference = largestDifference(pruned.logits(prompt), full.logits(prompt))
    #expect(difference <= reorderTolerance)
    let uncut = try Model(configuration: configuration, source: randomWeights(configuration))
    #expect(largestDifference(uncut.logits(prompt), full.logits(prompt)) > 0.1)
  }

  /// The model without some query heads, and without KV heads that lose all of theirs.
  private func prune(_ source: ArrayWeights, silent: [Int]) throws -> Model {
    let configuration = Self.checkpoint.configuration
    let headSize = configuration.headSize
    let kept = (0..<6).filter { !silent.contains($0) }
    let keptGroups = (0..<3).filter { group in kept.contains { $0 / 2 == group } }
    let shape = LayerShape(
      keyValueHeadCount: keptGroups.count,
      keyValueHeadOfQueryHead: kept.map { keptGroups.firstIndex(of: $0 / 2) ?? 0 },
      intermediateSize: configuration.layers[0].intermediateSize)
    var pruned = source
    for layer in 0..<3 {
      func cut(_ tensor: LayerTensor, width: Int, heads: [Int], inColumns: Bool) {
        let name = TensorName.layer(layer, tensor).string
        let values = source.values[name, default: []]
        pruned.values[name] = values.indices.filter { index in
          heads.contains((inColumns ? index % width : index / width) / headSize)
        }.map { values[$0] }
      }
      cut(.queryProjection, width: configuration.hiddenSize, heads: kept, inColumns: false)
      cut(.keyProjection, width: configuration.hiddenSize, heads: keptGroups, inColumns: false)
      cut(.valueProjection, width: configuration.hiddenSize, heads: keptGroups, inColumns: false)
      cut(.outputProjection, width: 6 * headSize, heads: kept, inColumns: true)
    }
    return try Model(
      configuration: configuration.replacingLayers([shape, shape, shape]), source: pruned)
  }
}
