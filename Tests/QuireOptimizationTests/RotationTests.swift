import QuireModel
import QuireOptimization
import QuireTensors
import TestSupport
import Testing

/// Rotations equal products with whole matrices in NumPy.
@Suite struct RotationTests {
  private static let golden = GoldenFile(path: Fixtures.optimization)
  private let compute = Compute(threadCount: 2)

  /// Key/value head of every query head, by layer.
  private static let maps = [[0, 0, 1, 1], [0, 1, 1]]
  private static let matrices: [(LayerTensor, String)] = [
    (.queryProjection, "q"), (.keyProjection, "k"), (.valueProjection, "v"), (.outputProjection, "o"),
    (.gateProjection, "gate"), (.upProjection, "up"), (.downProjection, "down"),
  ]

  private static func matrix(_ name: String) -> WeightMatrix {
    let shape = golden.shape(name)
    return .dense(
      DenseMatrix(rows: shape[0], columns: shape[1], values: HostBuffer(golden.floats(name))))
  }

  private static func layer(_ index: Int) -> LayerWeights {
    func matrix(_ name: String) -> WeightMatrix { Self.matrix("rotate.\(index).\(name)") }
    func norm(_ name: String) -> HostBuffer<Float> { HostBuffer(golden.floats("rotate.\(index).\(name)")) }
    let ones = HostBuffer([Float](repeating: 1, count: 12))
    return LayerWeights(
      shape: LayerShape(keyValueHeadCount: 2, keyValueHeadOfQueryHead: maps[index], intermediateSize: 24),
      inputNorm: norm("input"), queryProjection: matrix("q"), keyProjection: matrix("k"),
      valueProjection: matrix("v"), queryNorm: ones, keyNorm: ones, outputProjection: matrix("o"),
      postAttentionNorm: norm("post"), gateProjection: matrix("gate"), upProjection: matrix("up"),
      downProjection: matrix("down"))
  }

  private static let configuration = ModelConfiguration(
    hiddenSize: 40, headSize: 12, vocabularySize: 30, tiesEmbeddings: false,
    layers: [0, 1].map { layer($0).shape })

  private func isNear(_ found: WeightMatrix, _ name: String) -> Bool {
    let floats = found.dequantized(kernels: compute.kernels)
    let expected = Self.golden.floats(name)
    return floats.count == expected.count
      && zip(floats.buffer, expected).allSatisfy { abs($0 - $1) <= 2e-6 * max(1, abs($1)) }
  }

  @Test(arguments: [2, 6, 12, 16, 28, 40, 72, 80])
  func hadamardMatricesEqualNumPy(order: Int) {
    let matrix = HadamardMatrix(order: order)
    let expected = Self.golden.floats("rotate.hadamard.\(order)")
    let scratch = HostBuffer<HadamardMatrix.Lanes>(count: matrix.paleyOrder)
    for row in 0..<order {
      let vectors = HostBuffer<HadamardMatrix.Lanes>(count: order)
      vectors.pointer[row] = HadamardMatrix.Lanes(repeating: 1)
      matrix.apply(to: vectors.pointer, scratch: scratch.pointer)
      for column in 0..<order {
        #expect(abs(Float(vectors.pointer[column][row % 8]) - expected[row * order + column]) < 1e-6)
      }
    }
  }

  /// The hidden sizes of Qwen3 are one Hadamard matrix each; an order without one has smaller blocks.
  @Test(arguments: [
    (1024, 1024), (2048, 2048), (2560, 2560), (4096, 4096), (5120, 5120), (768, 768), (224, 224),
    (28, 4), (26, 2),
  ])
  func ordersOfModelsAreWhole(order: Int, block: Int) {
    #expect(HadamardMatrix(order: order).blockOrder == block)
  }

  @Test(arguments: [("both", true, true), ("stream", true, false), ("values", false, true)])
  func weightsEqualNumPy(name: String, hiddenStates: Bool, values: Bool) {
    let settings = RotationSettings(
      hiddenStates: hiddenStates ? .rotated : .unchanged, rotatesValues: values, seed: 7)
    let rotation = ModelRotation(settings, Self.configuration, compute)
    for index in Self.maps.indices {
      let original = Self.layer(index)
      let rotated = rotation.rotated(original, index: index)
      for (tensor, letter) in Self.matrices {
        #expect(isNear(rotated[tensor], "rotate.\(name).\(index).\(letter)"), "\(tensor) of layer \(index)")
      }
      for (found, before) in [
        (rotated.inputNorm, original.inputNorm), (rotated.postAttentionNorm, original.postAttentionNorm),
      ] {
        #expect(zip(found.buffer, before.buffer).allSatisfy { $0 == (hiddenStates ? 1 : $1) })
      }
    }
    let norm = HostBuffer(Self.golden.floats("rotate.norm"))
    #expect(isNear(rotation.rotated(embedding: Self.matrix("rotate.embedding")), "rotate.\(name).embedding"))
    #expect(
      isNear(rotation.rotated(head: Self.matrix("rotate.head"), finalNorm: norm), "rotate.\(name).head"))
    let rotatedNorm = rotation.rotated(finalNorm: norm)
    #expect(rotatedNorm.buffer.allSatisfy { $0 == 1 } == hiddenStates)
  }

  @Test func theThreadCountChangesNoBit() {
    let settings = RotationSettings(seed: 3)
    let layers = [1, 3].map {
      ModelRotation(settings, Self.configuration, Compute(threadCount: $0)).rotated(Self.layer(0), index: 0)
    }
    for (tensor, _) in Self.matrices {
      let (one, other) = (
        layers[0][tensor].dequantized(kernels: compute.kernels),
        layers[1][tensor].dequantized(kernels: compute.kernels)
      )
      #expect(one.buffer.elementsEqual(other.buffer))
    }
  }

  @Test func tablesKeepTheirType() {
    let floats = HostBuffer([Float](repeating: 0.5, count: 30 * 40))
    let table = WeightMatrix.dense(
      DenseMatrix(rows: 30, columns: 40, roundingToBfloat16: floats.pointer))
    let rotation = ModelRotation(RotationSettings(), Self.configuration, compute)
    guard case .dense(let rotated) = rotation.rotated(embedding: table) else {
      Issue.record("a rotated embedding is dense")
      return
    }
    #expect(rotated.element == .bfloat16)
  }
}
