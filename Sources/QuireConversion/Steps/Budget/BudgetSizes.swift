import Foundation
import QuireFiles
import QuireModel
import QuireOptimization
import QuireTensors

/// The smallest and the largest size that a budget can choose.
struct BudgetSizes {
  /// A matrix that no override decides, with the smallest and the largest format that fit it.
  struct Matrix {
    let tensor: TensorName
    let smallest: (format: WeightFormat, byteCount: Int)
    let largest: (format: WeightFormat, byteCount: Int)
  }

  let open: [Matrix]
  /// Bytes of everything else: norms, and tensors that overrides decide.
  let fixedBytes: Int
  let parameterCount: Int

  /// Bytes of all tensors with the smallest choice for each matrix without an override.
  var smallest: Int { open.reduce(fixedBytes) { $0 + $1.smallest.byteCount } }
  var largest: Int { open.reduce(fixedBytes) { $0 + $1.largest.byteCount } }

  /// The sentence for a limit below the smallest size.
  func refusal(of limit: BudgetLimit) -> String {
    // Rounded up, so that the figure can be used as a limit.
    let bits = (1000 * 8 * Double(smallest) / Double(max(1, parameterCount))).rounded(.up) / 1000
    return
      "expected a limit that the smallest choices fit into, \(smallest) bytes or \(bits) bits per weight, found "
      + "\(limit.sentence); raise it, or add a smaller choice"
  }
}

extension BudgetSettings {
  /// The formats for a matrix, smallest first; empty when an override decides.
  func choices(
    _ name: TensorName, columns: Int, _ formats: TensorFormats
  ) -> [WeightFormat] {
    guard formats.override(of: name) == nil else { return [] }
    return choices.filter { (try? $0.validate(columns: columns, name: name.string)) != nil }
  }

  /// Bytes of a matrix in a format.
  func byteCount(_ name: TensorName, _ format: WeightFormat, _ shape: [Int]) -> Int {
    ConversionPlan.PlannedTensor(
      name: name, shape: shape, format: format, isFloat32: format == .bf16 && float32.contains(name)
    ).byteCount
  }

  func sizes(_ configuration: ModelConfiguration) throws(ConversionError) -> BudgetSizes {
    let formats = try wrapping(
      ConversionError.optimization, try TensorFormats(quantization, configuration))
    let stage = ConversionPlan.Stage(
      step: Self.name, configuration: configuration, float32: float32, formats: formats.format(of:))
    let open = try openMatrices(configuration)
    let names = Set(open.map(\.tensor))
    return BudgetSizes(
      open: open,
      fixedBytes: stage.tensors.reduce(0) { names.contains($1.name) ? $0 : $0 + $1.byteCount },
      parameterCount: stage.parameterCount)
  }

  /// The matrices to choose a format for, in the model's order. A matrix that no choice fits is left out: the plan
  /// refuses the format that it would get.
  func openMatrices(_ configuration: ModelConfiguration) throws(ConversionError) -> [BudgetSizes.Matrix] {
    let formats = try wrapping(
      ConversionError.optimization, try TensorFormats(quantization, configuration))
    return configuration.tensorNames.compactMap { name in
      let shape = name.shape(in: configuration)
      guard !name.isNorm, shape.count == 2 else { return nil }
      let sizes = choices(name, columns: shape[1], formats).map {
        (format: $0, byteCount: byteCount(name, $0, shape))
      }
      guard let smallest = sizes.min(by: { $0.byteCount < $1.byteCount }),
        let largest = sizes.max(by: { $0.byteCount < $1.byteCount })
      else { return nil }
      return BudgetSizes.Matrix(tensor: name, smallest: smallest, largest: largest)
    }
  }
}

extension BudgetLimit {
  init(_ node: RecipeNode, named name: String) throws(ConversionError) {
    self =
      switch name {
      case "bitsPerWeight": .bitsPerWeight(try node.number(name, in: 1...16))
      case "bytes": .bytes(try node.integer(name, in: 1...Int.max))
      default: .divergence(try node.number(name, in: 0...100))
      }
  }

  /// The limit in bytes of all tensors; nil for one of divergence.
  func bytes(parameterCount: Int) -> Int? {
    switch self {
    case .bitsPerWeight(let bits): Int(bits * Double(parameterCount) / 8)
    case .bytes(let bytes): bytes
    case .divergence: nil
    }
  }

  /// "4.5 bits per weight".
  var sentence: String {
    switch self {
    case .bitsPerWeight(let bits): "\(bits) bits per weight"
    case .bytes(let bytes): "\(bytes) bytes"
    case .divergence(let limit): "a predicted mean KL divergence of \(limit)"
    }
  }
}
