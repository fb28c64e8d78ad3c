import QuireTensors

/// Checks that all floating-point values of a tensor can be computed with, while its bytes are read.
///
/// Magnitudes of floats order like their bit patterns, with infinity and NaN largest, so an integer maximum
/// suffices. Other types always pass.
struct FiniteCheck {
  private let element: ElementType
  private var largest: UInt64 = 0

  /// Squares of larger values overflow in float32 sums. Weights of trained models are 10¹² times smaller.
  static let limit: Float = 0x1p60

  init(_ element: ElementType) { self.element = element }

  /// Precondition: whole elements.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    switch element {
    case .bfloat16, .float16: add(bytes, UInt16.self)
    case .float32: add(bytes, UInt32.self)
    default: break
    }
  }

  private mutating func add<Bits: FixedWidthInteger & UnsignedInteger>(
    _ bytes: UnsafeRawBufferPointer, _: Bits.Type
  ) {
    let magnitude = Bits.max >> 1
    var largest: Bits = 0
    bytes.withMemoryRebound(to: Bits.self) { values in
      for value in values { largest = max(largest, value & magnitude) }
    }
    self.largest = max(self.largest, UInt64(largest))
  }

  /// The largest magnitude; infinite or NaN when any value is.
  var largestMagnitude: Float {
    switch element {
    case .bfloat16: Float(bitPattern: UInt32(truncatingIfNeeded: largest) << 16)
    case .float16: largest < 0x7C00 ? 0 : .infinity
    case .float32: Float(bitPattern: UInt32(truncatingIfNeeded: largest))
    default: 0
    }
  }
}
