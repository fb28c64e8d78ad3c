/// A Hadamard matrix that is applied without being stored: `I ⊗ S ⊗ P`, with S of Sylvester's order 2ᵏ, applied by
/// k rounds of sums and differences, and P of Paley's first construction, applied as it is.
///
/// Every even order of the form 2ʲ·m with a prime 2ⁱ·m − 1 for some i from 2 to j is one whole matrix: powers of two,
/// and 12, 20, 24, 768, 2560 and 5120 among others. For other even orders, such as 28 or 26, the matrix consists of
/// Sylvester's of the largest power of two, along the diagonal.
package struct HadamardMatrix: Sendable {
  package let order: Int
  /// The order of Sylvester's part: a power of two.
  package let sylvesterOrder: Int
  /// The entries of Paley's part as ±1, (row, column); of order 1 when there is none.
  package let paley: [Double]
  package let paleyOrder: Int
  /// The order of the matrices along the diagonal.
  package var blockOrder: Int { sylvesterOrder * paleyOrder }

  /// Eight vectors side by side, one in each lane.
  package typealias Lanes = SIMD8<Double>

  package init(order: Int) {
    precondition(order > 0, "a matrix has rows")
    self.order = order
    let twos = order.trailingZeroBitCount
    let odd = order >> twos
    let factor = odd == 1 || twos < 2 ? nil : (2...twos).map { odd << $0 }.first { Self.isPrime($0 - 1) }
    paleyOrder = factor ?? 1
    sylvesterOrder = factor.map { order / $0 } ?? 1 << twos
    paley = factor.map(Self.paley) ?? [1]
  }

  /// Multiplies row vectors by the matrix and `1/√blockOrder`, which makes it orthogonal: `vectors` (order) ← x·H.
  ///
  /// - Parameter scratch: `paleyOrder` elements
  package func apply(to vectors: UnsafeMutablePointer<Lanes>, scratch: UnsafeMutablePointer<Lanes>) {
    for start in stride(from: 0, to: order, by: blockOrder) {
      let block = vectors + start
      if paleyOrder > 1 {
        for index in 0..<sylvesterOrder { applyPaley(to: block + index * paleyOrder, scratch) }
      }
      applySylvester(to: block)
    }
    let scale = Lanes(repeating: 1 / Double(blockOrder).squareRoot())
    for index in 0..<order { vectors[index] *= scale }
  }

  private func applySylvester(to block: UnsafeMutablePointer<Lanes>) {
    var half = paleyOrder
    while half < blockOrder {
      for start in stride(from: 0, to: blockOrder, by: 2 * half) {
        for index in start..<(start + half) {
          let (first, second) = (block[index], block[index + half])
          block[index] = first + second
          block[index + half] = first - second
        }
      }
      half *= 2
    }
  }

  private func applyPaley(to part: UnsafeMutablePointer<Lanes>, _ scratch: UnsafeMutablePointer<Lanes>) {
    for column in 0..<paleyOrder {
      var sum = Lanes.zero
      for row in 0..<paleyOrder { sum += part[row] * Lanes(repeating: paley[row * paleyOrder + column]) }
      scratch[column] = sum
    }
    part.update(from: scratch, count: paleyOrder)
  }

  /// Paley's first construction for the prime q = order − 1, which leaves 3 when divided by 4: `I + S` with the
  /// skew-symmetric S of a first row of ones, a first column of minus ones, and otherwise the quadratic character of
  /// row − column in the field of q elements.
  private static func paley(order: Int) -> [Double] {
    let prime = order - 1
    var character = [Double](repeating: -1, count: prime)
    character[0] = 0
    for root in 1..<prime { character[root * root % prime] = 1 }
    var entries = [Double](repeating: 1, count: order * order)
    for row in 1..<order {
      entries[row * order] = -1
      for column in 1..<order {
        entries[row * order + column] = row == column ? 1 : character[(row - column + prime) % prime]
      }
    }
    return entries
  }

  private static func isPrime(_ number: Int) -> Bool {
    number > 1 && !(2..<number).prefix { $0 * $0 <= number }.contains { number % $0 == 0 }
  }
}
