import QuireJSON
import QuireTensors

/// Which streams a tensor must have, and of what size. This is all that packs know about weights, whose bytes are
/// opaque to them.
package enum PackSchema {
  /// A stream required by the shape and the scheme.
  package struct Stream: Equatable, Sendable {
    package let kind: PackStreamKind
    package let rawBytes: Int
  }

  /// Why the shape and the scheme do not fit, in a few words.
  package struct Mismatch: Error, Equatable {
    package let found: String
  }

  /// Unquantized elements: name and bytes of one.
  private static let elements: [String: (kind: PackStreamKind, bytes: Int)] = [
    "bf16": (.bf16, 2), "float16": (.raw, 2), "float32": (.raw, 4),
  ]

  /// The streams of a tensor in the order they are stored.
  package static func streams(shape: [Int], scheme: String, group: Int?) -> Result<[Stream], Mismatch> {
    // bounded: `product` leaves 15 bits for what follows
    guard let elementCount = product(shape) else {
      return .failure(Mismatch(found: "a shape of more than 2^48 elements or none"))
    }
    if let element = elements[scheme] {
      guard group == nil else { return .failure(Mismatch(found: "a group where the scheme has none")) }
      return .success([Stream(kind: element.kind, rawBytes: elementCount * element.bytes)])
    }
    guard let format = WeightFormat(name: scheme, group: group) else {
      return .failure(Mismatch(found: "the unknown scheme \"\(scheme.prefix(40))\""))
    }
    guard shape.count == 2 else {
      return .failure(Mismatch(found: "\(shape.count) sizes where \(scheme) has rows and columns"))
    }
    do throws(TensorError) {
      try format.validate(columns: shape[1], name: scheme)
    } catch {
      return .failure(Mismatch(found: "that \(error.description)"))
    }
    var streams = [
      Stream(kind: .codes, rawBytes: format.codeByteCount(rows: shape[0], columns: shape[1])),
      Stream(kind: .scales, rawBytes: 2 * format.scaleCount(rows: shape[0], columns: shape[1])),
    ]
    if !format.isSymmetric {
      let bytes = format.zeroByteCount(rows: shape[0], columns: shape[1])
      streams.append(Stream(kind: .zeros, rawBytes: bytes))
    }
    return .success(streams)
  }

  private static let elementCountMax = 1 << 48

  /// The product of sizes, nil when one is not positive or the product is beyond 2^48, so that no byte count here
  /// can overflow.
  private static func product(_ shape: [Int]) -> Int? {
    CheckedCount.product(shape).value(in: 1...elementCountMax)
  }
}
