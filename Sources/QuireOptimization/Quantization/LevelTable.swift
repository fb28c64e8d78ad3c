import QuireTensors

/// The levels of a non-linear scheme, and which of them is nearest to a weight.
///
/// `x` is a weight in units of its group's scale. Levels are integers, so the middle of two neighbours is a multiple
/// of ½, and the integer ⌊2x⌋ decides: one lookup finds the level. A weight halfway between two levels gets the upper
/// one.
///
/// Pointers to memory that is never freed, so that copies of a grid count no references: threads that search scales copy
/// it for every candidate.
// Unchecked: the memory is written once, before the table is returned.
struct LevelTable: @unchecked Sendable {
  /// By signed code minus `lowestCode`, rising.
  private let levels: UnsafeBufferPointer<Float>
  /// The signed code by ⌊2x⌋ − `lowestHalf`.
  private let codes: UnsafeBufferPointer<Int8>
  private let lowestCode: Int32

  /// Levels reach from −127 to 127; what lies beyond gets the first or the last.
  private static let lowestHalf: Int32 = -256
  private static let highestHalf: Int32 = 255

  private static let nl4 = LevelTable(.nl4())
  private static let nl3 = LevelTable(.nl3())

  /// nil for a format whose weights are multiples of their scale.
  static func of(_ format: WeightFormat) -> LevelTable? {
    switch format.scheme {
    case .nl4: nl4
    case .nl3: nl3
    case .bf16, .int8, .int4: nil
    }
  }

  private init(_ format: WeightFormat) {
    let levels = format.levels.map(Float.init)
    self.levels = Self.kept(levels)
    lowestCode = -Int32(format.symmetricZero)
    var codes: [Int8] = []
    for half in Self.lowestHalf...Self.highestHalf {
      // The number of thresholds at or below every x of this step.
      let index = zip(levels, levels.dropFirst()).count { low, high in Float(half) >= low + high }
      codes.append(Int8(truncatingIfNeeded: Int32(index) + lowestCode))
    }
    self.codes = Self.kept(codes)
  }

  private static func kept<Element: BitwiseCopyable>(_ values: [Element]) -> UnsafeBufferPointer<Element> {
    let memory = UnsafeMutableBufferPointer<Element>.allocate(capacity: values.count)
    _ = memory.initialize(from: values)
    return UnsafeBufferPointer(memory)
  }

  /// The level of largest magnitude, which is negative.
  var first: Float { levels[0] }

  /// The level of a signed code, which a code of this table is.
  @inline(__always)
  func level(of code: Int8) -> Float { levels[Int(Int32(code) - lowestCode)] }

  /// The signed code of the level nearest to `x`. NaN gets a code too.
  @inline(__always)
  func code(nearest x: Float) -> Int8 { codes[Self.index(x)] }

  /// Writes the signed codes of `count` weights.
  func encode(
    _ weights: UnsafePointer<Float>, count: Int, scale: Float, into target: UnsafeMutablePointer<Int8>
  ) {
    for index in 0..<count { target[index] = codes[Self.index(weights[index] / scale)] }
  }

  /// `Σ importance · (w − level · scale)²` with the nearest levels.
  func roundingError(
    of weights: UnsafePointer<Float>, importances: UnsafePointer<Float>, count: Int, scale: Float
  ) -> Float {
    levelRoundingError(of: weights, importances: importances, count: count, scale: scale, levels: levels)
  }

  /// ⌊2x⌋ − `lowestHalf`, within the tables.
  @inline(__always)
  private static func index(_ x: Float) -> Int {
    let far: Float = 1024
    let half = max(min(2 * x, far), -far)
    let rounded = CodeGrid.rounded(half)
    let below = rounded &- (Float(rounded) > half ? 1 : 0)
    return Int(min(max(below, lowestHalf), highestHalf) &- lowestHalf)
  }
}
