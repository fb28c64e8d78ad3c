import QuireFiles
import QuireJSON

/// A tensor as an entry of the manifest; `ManifestValidator` reads it back.
extension PackTensor {
  /// The manifest's member that lists the tensors.
  static let listKey = "tensors"
  static let keys = ["name", "shape", "scheme", "group", "streams"]

  var json: JSONValue {
    [
      "name": .string(name),
      "shape": .array(shape.map { .int($0) }),
      "scheme": .string(scheme),
      "group": group.map { .int($0) } ?? .null,
      "streams": .array(streams.map(\.json)),
    ]
  }
}

extension PackTensor.Stream {
  static let keys = ["kind", "rawBytes", "frameBytes", "firstFrame", "hash", "packedHash"]

  fileprivate var json: JSONValue {
    [
      "kind": .string(kind.rawValue),
      "rawBytes": .int(rawBytes),
      "frameBytes": .int(frameBytes),
      "firstFrame": .int(firstFrame),
      "hash": .string(ContentHash.hexadecimal(hash)),
      "packedHash": .string(ContentHash.hexadecimal(packedHash)),
    ]
  }
}
