import Foundation
import QuireTensors
import TestSupport
import Testing

@Suite struct FloatKernelTests {
  static let lengths = [1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 64, 100, 1024]
  static var others: [InstructionSet] { InstructionSet.supported.filter { $0 != .portable } }

  private func apply(_ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Void) -> HostBuffer<Float> {
    let out = HostBuffer<Float>(count: count)
    body(out.pointer)
    return out
  }

  @Test(arguments: lengths) func rmsNorm(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let x = random.floats(count, scale: 5)
    let weight = random.floats(count)
    let truth = apply(count) {
      Kernels(.portable).rmsNorm(x.pointer, weight: weight.pointer, into: $0, count: count, epsilon: 1e-6)
    }
    let mean = (0..<count).reduce(0.0) { $0 + Double(x[$1]) * Double(x[$1]) } / Double(count)
    for i in 0..<count {
      let exact = Double(x[i]) / (mean + 1e-6).squareRoot() * Double(weight[i])
      #expect(abs(Double(truth[i]) - exact) <= 1e-6 * max(1, abs(exact)))
    }
    for set in Self.others {
      let y = apply(count) {
        Kernels(set).rmsNorm(x.pointer, weight: weight.pointer, into: $0, count: count, epsilon: 1e-6)
      }
      #expect(sameBits(truth, y), "\(set)")
    }
  }

  @Test(arguments: lengths) func swiGLU(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let gate = random.floats(count, scale: 20)
    let up = random.floats(count)
    let truth = apply(count) {
      Kernels(.portable).swiGLU(gate: gate.pointer, up: up.pointer, into: $0, count: count)
    }
    for i in 0..<count {
      let g = Double(gate[i])
      #expect(abs(Double(truth[i]) - g / (1 + exp(-g)) * Double(up[i])) <= 5e-6)
    }
    for set in Self.others {
      #expect(
        sameBits(
          truth,
          apply(count) { Kernels(set).swiGLU(gate: gate.pointer, up: up.pointer, into: $0, count: count) }))
    }
  }

  @Test(arguments: [2, 16, 32, 48, 64, 80, 128]) func rotate(count: Int) {
    var random = SeededGenerator(seed: UInt64(count))
    let x = random.floats(count)
    let angles = (0..<count / 2).map { _ in Float.random(in: 0...6, using: &random) }
    let cosines = HostBuffer(angles.map { cos($0) })
    let sines = HostBuffer(angles.map { sin($0) })
    func rotated(_ set: InstructionSet) -> HostBuffer<Float> {
      let y = HostBuffer<Float>(count: count)
      for i in 0..<count { y[i] = x[i] }
      Kernels(set).rotate(y.pointer, cosines: cosines.pointer, sines: sines.pointer, count: count)
      return y
    }
    let truth = rotated(.portable)
    let half = count / 2
    for i in 0..<half {
      #expect(abs(truth[i] - (x[i] * cosines[i] - x[i + half] * sines[i])) < 1e-6)
      #expect(abs(truth[i + half] - (x[i + half] * cosines[i] + x[i] * sines[i])) < 1e-6)
    }
    for set in Self.others { #expect(sameBits(truth, rotated(set)), "\(set)") }
  }

  @Test func exponential() {
    let points: [Float] = [0, -0, 1, -1, 0.5, -20, -87, -87.4, -1000, 20, 88, .infinity, -.infinity]
    let x = HostBuffer(points + stride(from: Float(-87), to: 88, by: 0.37))
    let truth = HostBuffer<Float>(count: x.count)
    Kernels(.portable).exponential(x.pointer, into: truth.pointer, count: x.count)
    for i in 0..<x.count where abs(x[i]) <= 87 {
      let exact = exp(Double(x[i]))
      #expect(abs(Double(truth[i]) - exact) <= 3e-7 * exact, "\(x[i])")
    }
    #expect(truth[7] == 0 && truth[8] == 0 && truth[12] == 0 && truth[11] > 1e38)
    for set in Self.others {
      let y = HostBuffer<Float>(count: x.count)
      Kernels(set).exponential(x.pointer, into: y.pointer, count: x.count)
      #expect(sameBits(truth, y))
    }
    for set in InstructionSet.supported {
      let y = HostBuffer<Float>([.nan])
      Kernels(set).exponential(y.pointer, into: y.pointer, count: 1)
      #expect(y[0].isNaN, "\(set)")
    }
  }

  @Test(arguments: lengths) func roundingError(count: Int) {
    var random = SeededGenerator(seed: UInt64(count) + 3)
    let weights = random.floats(count, scale: 3)
    let importances = random.floats(count)
    for index in 0..<count { importances[index] = abs(importances[index]) }
    weights[0] = 1.25  // half way between two codes
    for scale: Float in [0.5, 0.1, 2] {
      func error(_ set: InstructionSet) -> Float {
        Kernels(set).roundingError(
          of: weights.pointer, importances: importances.pointer, count: count, scale: scale, codes: -8...7)
      }
      let exact = (0..<count).reduce(0.0) { sum, index in
        let code = min(7, max(-8, (weights[index] / scale).rounded(.toNearestOrEven)))
        let difference = Double(weights[index]) - Double(code) * Double(scale)
        return sum + Double(importances[index]) * difference * difference
      }
      #expect(abs(Double(error(.portable)) - exact) <= 1e-5 * exact + 1e-9)
      for set in Self.others { #expect(error(set).bitPattern == error(.portable).bitPattern, "\(set)") }
    }
  }

  @Test("scales are values that bf16 and fp16 both hold") func representableScales() {
    var random = SeededGenerator(seed: 1)
    for _ in 0..<2_000 {
      let x = Float(pow(10, Double.random(in: -7...5, using: &random)))
      let scale = representableScale(x)
      #expect(Float(bfloat16Bits: scale.bfloat16Bits) == scale)
      #if arch(x86_64)
        #expect(scale >= 0x1p-14 && scale <= 65504)
      #else
        #expect(Float(Float16(scale)) == scale)
      #endif
      if x > 0x1p-14 && x < 65280 { #expect(abs(scale - x) <= x / 256) }
    }
    #expect(representableScale(0) == 0)
  }
}
