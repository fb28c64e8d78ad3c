import QuirePacks
import QuireTensors
import TestSupport
import Testing

/// Packs of one small model by different recipes: the same weights, rounded in different ways.
struct VersionedPack: CustomTestStringConvertible {
  let testDescription: String
  let sample: SamplePack
  /// How many times smaller its delta pack is at least.
  let factor: Int
  var isScaled = false

  private static let shapes: [(name: String, rows: Int, columns: Int)] = [
    ("deep", 3000, 1024), ("wide", 70, 256), ("square", 96, 128),
  ]

  /// Rounded to int8 in groups of 128.
  static let parent = pack(.int8(group: 128))

  static let versions: [VersionedPack] = [
    .init(testDescription: "int4", sample: pack(.int4(group: 128)), factor: 6),
    .init(
      testDescription: "smoothed", sample: pack(.int4(group: 32), smoothing: true), factor: 4, isScaled: true),
    .init(testDescription: "int8 per channel", sample: pack(.int8()), factor: 3),
    .init(
      testDescription: "zero points and float16 scales",
      sample: pack(.int4(group: 64, isSymmetric: false, scaleType: .float16)), factor: 5),
    .init(testDescription: "the parent itself", sample: parent, factor: 100),
    .init(testDescription: "another model", sample: pack(.int4(group: 128), seed: 99), factor: 1),
  ]

  /// The same weights in every kind of format that differences can be from.
  static let parents: [(name: String, sample: SamplePack)] = [
    ("int8", parent), ("int4 with zero points", versions[3].sample), ("int8 per channel", versions[2].sample),
    ("bf16", pack("bf16")), ("float16", pack("float16")), ("float32", pack("float32")),
  ]

  /// - Parameter smoothing: scales the inputs and outputs of every matrix.
  private static func pack(_ format: WeightFormat, smoothing: Bool = false, seed: UInt64 = 1) -> SamplePack {
    var pack = SamplePack()
    pack.addBrainFloats("norm", [256], seed: smoothing ? 50 : 40)
    for (index, shape) in shapes.enumerated() {
      pack.tensors.append(
        matrix(shape.name, shape.rows, shape.columns, format, smoothing, seed: seed + UInt64(index)))
    }
    pack.addBrainFloats("floats", [320, 64], seed: 60)
    return pack
  }

  /// Not quantized.
  private static func pack(_ scheme: String) -> SamplePack {
    var pack = SamplePack()
    for (index, shape) in shapes.enumerated() {
      let weights = weights(shape.rows, shape.columns, seed: UInt64(1 + index))
      let bytes: [UInt8] = weights.buffer.flatMap { weight in
        switch scheme {
        case "bf16": withUnsafeBytes(of: weight.bfloat16Bits) { Array($0) }
        case "float16": withUnsafeBytes(of: weight.halfBits) { Array($0) }
        default: withUnsafeBytes(of: weight) { Array($0) }
        }
      }
      pack.tensors.append(
        SamplePack.Tensor(
          name: shape.name, shape: [shape.rows, shape.columns], scheme: scheme, group: nil,
          streams: [
            (scheme == "bf16" ? .bf16 : .raw, HostBuffer(bytes), bytes.count / shape.rows)
          ]))
    }
    return pack
  }

  private static func weights(_ rows: Int, _ columns: Int, seed: UInt64) -> HostBuffer<Float> {
    var generator = SeededGenerator(seed: seed)
    let weights = HostBuffer<Float>(count: rows * columns)
    for index in 0..<weights.count { weights[index] = Float(generator.nextGaussian()) * 0.03 }
    return weights
  }

  private static func matrix(
    _ name: String, _ rows: Int, _ columns: Int, _ format: WeightFormat, _ smoothing: Bool, seed: UInt64
  ) -> SamplePack.Tensor {
    let weights = weights(rows, columns, seed: seed)
    if smoothing {
      for row in 0..<rows {
        for column in 0..<columns {
          weights[row * columns + column] *= (0.5 + Float(column % 7) / 3) * (0.7 + Float(row % 5) / 4)
        }
      }
    }
    let matrix = rounded(weights, rows, columns, format)
    func copy(_ bytes: UnsafeRawBufferPointer) -> HostBuffer<UInt8> { HostBuffer(Array(bytes)) }
    var streams = [
      (PackStreamKind.codes, copy(matrix.codes), format.codeByteCount(rows: 32, columns: columns)),
      (
        .scales, copy(UnsafeRawBufferPointer(matrix.scales)),
        2 * format.scaleCount(rows: 32, columns: columns)
      ),
    ]
    if !format.isSymmetric {
      streams.append((.zeros, copy(matrix.zeros), format.zeroByteCount(rows: 32, columns: columns)))
    }
    return SamplePack.Tensor(
      name: name, shape: [rows, columns], scheme: format.name, group: format.group,
      streams: streams.map { (kind: $0.0, bytes: $0.1, rowBytes: $0.2) })
  }

  /// Rounded to nearest, with scales that the format's type holds.
  private static func rounded(
    _ weights: HostBuffer<Float>, _ rows: Int, _ columns: Int, _ format: WeightFormat
  ) -> QuantizedMatrix {
    let size = format.group ?? columns
    let groups = columns / size
    let largest: Float = format.scheme == .int4 ? 15 : 255
    var codes = [UInt8](repeating: 0, count: rows * columns)
    var scales = [Float](repeating: 0, count: rows * groups)
    var zeros = [UInt8](repeating: format.scheme == .int4 ? 8 : 128, count: rows * groups)
    for index in 0..<rows * groups {
      let row = index / groups
      let range = row * columns + index % groups * size..<row * columns + (index % groups + 1) * size
      let (low, high) = (min(0, weights.buffer[range].min()!), max(0, weights.buffer[range].max()!))
      let span = format.isSymmetric ? 2 * max(-low, high) : high - low
      let scale = span / largest
      scales[index] =
        format.scaleType == .float16
        ? Float(halfBits: scale.halfBits) : Float(bfloat16Bits: scale.bfloat16Bits)
      if !format.isSymmetric { zeros[index] = UInt8(min(largest, (-low / scales[index]).rounded())) }
      for element in range {
        let code = (weights[element] / scales[index]).rounded() + Float(zeros[index])
        codes[element] = UInt8(min(largest, max(0, code)))
      }
    }
    return try! QuantizedMatrix.encode(
      unsignedCodes: codes, zeros: format.isSymmetric ? nil : zeros, scales: scales, rows: rows,
      columns: columns, format: format)
  }
}
