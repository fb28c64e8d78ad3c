import CKernels

/// Codes of three bits, in the layout that `blocks.h` describes: a run of four quads in three rows of 64 bytes. A byte of row i
/// has the codes of two channels, 16 apart, at quad i in its bits 0…5, and in bits 6 and 7 a third of those at the fourth quad.
extension QuantizedMatrix {
  private static let runQuads = 4
  private static let rowBytes = 64

  /// Missing channels of the last panel get the code of the level nearest to 0, so that every byte of a pack is determined.
  @inline(__always)
  static func place3(_ shape: Shape, into out: UnsafeMutablePointer<UInt8>, _ code: (Int) -> UInt8) {
    let missing = WeightFormat.nl3().symmetricZero
    func triple(_ channel: Int, _ k: Int) -> UInt8 {
      channel < shape.rows ? code(channel * shape.columns + k) & 7 : missing
    }
    var run = out
    for panel in 0..<shape.panels {
      for firstQuad in stride(from: 0, to: shape.columns / 4, by: runQuads) {
        for j in 0..<rowBytes {
          let channel = panel * 32 + j / 4
          func pair(_ quad: Int) -> UInt8 {
            let k = (firstQuad + quad) * 4 + j % 4
            return triple(channel, k) | triple(channel + 16, k) << 3
          }
          let fourth = pair(3)
          run[j] = pair(0) | (fourth & 3) << 6
          run[rowBytes + j] = pair(1) | (fourth >> 2 & 3) << 6
          run[2 * rowBytes + j] = pair(2) | (fourth >> 4) << 6
        }
        run += 3 * rowBytes
      }
    }
  }

  /// Writes the unsigned codes of some quads, whole runs, of one panel to `target`, (32, columns).
  func copyTriples(
    _ source: UnsafeRawPointer, _ quads: Range<Int>, into target: UnsafeMutablePointer<UInt8>
  ) {
    let (threes, sevens): (UInt32, UInt32) = (0x0303_0303, 0x0707_0707)
    for channel in 0..<16 {
      let low = UnsafeMutableRawPointer(target + channel * columns)
      let high = UnsafeMutableRawPointer(target + (channel + 16) * columns)
      for quad in quads {
        let run = source + quad / Self.runQuads * 3 * Self.rowBytes + channel * 4
        func row(_ index: Int) -> UInt32 {
          run.loadUnaligned(fromByteOffset: index * Self.rowBytes, as: UInt32.self)
        }
        let index = quad % Self.runQuads
        let pairs =
          index < 3
          ? row(index)
          : (row(0) >> 6 & threes) | (row(1) >> 6 & threes) << 2 | (row(2) >> 6 & threes) << 4
        low.storeBytes(of: pairs & sevens, toByteOffset: quad * 4, as: UInt32.self)
        high.storeBytes(of: pairs >> 3 & sevens, toByteOffset: quad * 4, as: UInt32.self)
      }
    }
  }
}
