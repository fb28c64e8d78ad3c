import QuireFiles
import QuireJSON
import QuireTensors

/// The manifest as JSON: members of the writer's choice, then `tensors`.
///
/// `PackManifest+Validation.swift` is the way back.
enum PackManifest {
  static let tensorsKey = "tensors"
  static let tensorKeys = ["name", "shape", "scheme", "group", "streams"]
  static let streamKeys = ["kind", "rawBytes", "frameBytes", "firstFrame", "hash", "packedHash"]

  static func json(members: JSONObject, tensors: [PackTensor]) -> JSONValue {
    var object = members
    object[tensorsKey] = .array(tensors.map(json(tensor:)))
    return .object(object)
  }

  static func json(tensor: PackTensor) -> JSONValue {
    [
      "name": .string(tensor.name),
      "shape": .array(tensor.shape.map { .int($0) }),
      "scheme": .string(tensor.scheme),
      "group": tensor.group.map { .int($0) } ?? .null,
      "streams": .array(tensor.streams.map(json(stream:))),
    ]
  }

  private static func json(stream: PackTensor.Stream) -> JSONValue {
    [
      "kind": .string(stream.kind.rawValue),
      "rawBytes": .int(stream.rawBytes),
      "frameBytes": .int(stream.frameBytes),
      "firstFrame": .int(stream.firstFrame),
      "hash": .string(ContentHash.hexadecimal(stream.hash)),
      "packedHash": .string(ContentHash.hexadecimal(stream.packedHash)),
    ]
  }
}
