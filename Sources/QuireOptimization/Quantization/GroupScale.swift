import QuireTensors

/// What the weights of a group share: a weight is (code − zero) · scale, or level · scale.
package struct GroupScale: BitwiseCopyable, Equatable, Sendable {
  /// 0 for a group of zeros; negative where that suits a grid which reaches farther on its negative side.
  package var scale: Float = 0
  /// The signed code of weight 0; always 0 in a symmetric grid.
  package var zero: Int32 = 0

  package init(scale: Float = 0, zero: Int32 = 0) {
    self.scale = scale
    self.zero = zero
  }
}

extension CodeGrid {
  /// The scale of a group without a search: its largest weights fit. In a table they have the level −127.
  func groupScale(of weights: UnsafePointer<Float>, count: Int) -> GroupScale {
    guard !format.isSymmetric else {
      let scale = scale(largest: Self.largestMagnitude(weights, count: count))
      return GroupScale(scale: table != nil && Self.isLargestPositive(weights, count: count) ? -scale : scale)
    }
    let (lowest, highest) = Self.range(weights, count: count)
    return groupScale(lowest: lowest, highest: highest)
  }

  /// The scale and the zero point of an asymmetric grid whose codes reach from the weight `lowest` to `highest`, which
  /// have 0 between them. 0 is a code, because models have weights that are exactly 0.
  func groupScale(lowest: Float, highest: Float) -> GroupScale {
    let steps = Float(codes.upperBound - codes.lowerBound)
    let scale = representableScale((highest - lowest) / steps)
    guard scale > 0 else { return GroupScale() }
    let zero = codes.lowerBound + Int32((-lowest / scale).rounded(.toNearestOrEven))
    return GroupScale(scale: scale, zero: min(zero, codes.upperBound))
  }

  /// Whether the greatest weight is at least as far from 0 as the least. Precondition: the weights are finite.
  static func isLargestPositive(_ values: UnsafePointer<Float>, count: Int) -> Bool {
    let (lowest, highest) = range(values, count: count)
    return highest >= -lowest
  }

  /// The least and the greatest of the weights and 0. Precondition: the weights are finite.
  static func range(_ values: UnsafePointer<Float>, count: Int) -> (lowest: Float, highest: Float) {
    var (lowest, highest): (Float, Float) = (0, 0)
    for index in 0..<count {
      let value = values[index]
      lowest = value < lowest ? value : lowest
      highest = value > highest ? value : highest
    }
    return (lowest, highest)
  }
}
