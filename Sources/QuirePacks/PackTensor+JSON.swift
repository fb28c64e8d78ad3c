import QuireFiles
import QuireJSON

/// A tensor as an entry of the manifest; `ManifestValidator` reads it back.
extension PackTensor {
  /// The manifest's member that lists the tensors.
  static let listKey = "tensors"
  private static let keys = ["name", "shape", "scheme", "group", "streams"]
  static let factorsKey = "factors"

  /// The members of an entry; of a delta pack there is one more.
  static func keys(hasParent: Bool) -> [String] { hasParent ? keys + [factorsKey] : keys }

  /// - Parameter hasParent: whether this is a tensor of a delta pack, whose entries have more members.
  func json(hasParent: Bool) -> JSONValue {
    var object: JSONObject = [
      "name": .string(name),
      "shape": .array(shape.map { .int($0) }),
      "scheme": .string(scheme),
      "group": group.map { .int($0) } ?? .null,
      "streams": .array(streams.map { $0.json(hasParent: hasParent) }),
    ]
    if hasParent { object[Self.factorsKey] = factors?.json(hasParent: true) ?? .null }
    return .object(object)
  }
}

extension PackTensor.Stream {
  private static let keys = ["kind", "rawBytes", "frameBytes", "firstFrame", "hash", "packedHash"]
  static let sourceKey = "from"

  static func keys(hasParent: Bool) -> [String] { hasParent ? keys + [sourceKey] : keys }

  fileprivate func json(hasParent: Bool) -> JSONValue {
    let isStored = source != .parent
    var object: JSONObject = [
      "kind": .string(kind.rawValue),
      "rawBytes": .int(rawBytes),
      "frameBytes": isStored ? .int(frameBytes) : .null,
      "firstFrame": isStored ? .int(firstFrame) : .null,
      "hash": .string(ContentHash.hexadecimal(hash)),
      "packedHash": isStored ? .string(ContentHash.hexadecimal(packedHash)) : .null,
    ]
    if hasParent { object[Self.sourceKey] = .string(source.name) }
    return .object(object)
  }
}

extension PackTensor.Stream.Source {
  static let fileName = "file"
  static let parentName = "parent"
  static let differenceName = "difference"

  fileprivate var name: String {
    switch self {
    case .file: Self.fileName
    case .parent: Self.parentName
    case .difference: Self.differenceName
    }
  }
}
