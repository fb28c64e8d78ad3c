import QuireTensors

/// A random orthogonal matrix `diag(s)·H`: a Hadamard matrix whose rows have random signs.
package struct RandomRotation: Sendable {
  package let matrix: HadamardMatrix
  package let signs: [Double]  // 1 or −1 for each dimension

  package var order: Int { matrix.order }

  /// Draws one sign for each dimension: negative where the highest bit of the draw is set.
  init(_ matrix: HadamardMatrix, _ generator: inout SplitMix64) {
    self.matrix = matrix
    signs = (0..<matrix.order).map { _ in generator.next() >> 63 == 1 ? -1 : 1 }
  }

  /// `vectors` (order) ← x·diag(s)·H, for row vectors x side by side.
  func apply(
    to vectors: UnsafeMutablePointer<HadamardMatrix.Lanes>,
    scratch: UnsafeMutablePointer<HadamardMatrix.Lanes>
  ) {
    for index in 0..<order { vectors[index] *= HadamardMatrix.Lanes(repeating: signs[index]) }
    matrix.apply(to: vectors, scratch: scratch)
  }
}

/// Rotations of successive parts of an axis, such as one for each head.
struct AxisRotation: Sendable {
  let parts: [RandomRotation]
  /// The length of the axis.
  let order: Int

  init(_ parts: [RandomRotation]) {
    self.parts = parts
    order = parts.reduce(0) { $0 + $1.order }
  }
}

/// One thread's buffers for rotating several vectors of an axis side by side.
struct RotationBuffers {
  /// The vectors that are rotated at a time.
  static let width = HadamardMatrix.Lanes.scalarCount

  private let rotation: AxisRotation
  private let lanes: HostBuffer<HadamardMatrix.Lanes>
  /// Element `index` of vector `lane` is `values[index * width + lane]`.
  let values: UnsafeMutablePointer<Double>

  init(_ rotation: AxisRotation) {
    self.rotation = rotation
    let scratchCount = rotation.parts.map(\.matrix.paleyOrder).max() ?? 1
    lanes = HostBuffer(count: rotation.order + scratchCount)
    values = UnsafeMutableRawPointer(lanes.pointer).assumingMemoryBound(to: Double.self)
  }

  /// Rotates the vectors.
  func rotate() {
    var start = lanes.pointer
    for part in rotation.parts {
      part.apply(to: start, scratch: lanes.pointer + rotation.order)
      start += part.order
    }
  }
}
