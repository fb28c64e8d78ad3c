import QuireJSON

/// What has no effect in a request, as the value of the header `X-Quire-Ignored`: parameters of the query as `?limit`,
/// then members of the body as JSON paths such as `keep_alive, messages[0].cache_control`, outer ones first.
///
/// Names are the client's own text. Whatever is not a letter, a digit, `_` or `-` is percent-encoded, so that a name
/// can neither end the header line nor look like two; long names and long lists are cut, which `...` shows.
struct IgnoredFields {
  static let headerName = "X-Quire-Ignored"
  /// Most bytes of the header's value.
  static let maximumBytes = 1000
  /// Most bytes of one member's name, encoded.
  static let maximumNameBytes = 64

  /// The header's value; empty when everything has an effect.
  private(set) var text = ""
  private var isFull = false

  /// A member that is null counts as absent and is not reported.
  ///
  /// - Parameter query: The names of the query's parameters that have no effect.
  init(query: [String] = [], of object: JSONObject = [:], shape: RequestShape = .any) {
    for name in query where !isFull { add("?" + Self.encoded(name)) }
    // Breadth first: a list of hundreds of messages must not push a mistyped top-level field out of the header.
    var layer: [(path: String, value: JSONValue, shape: RequestShape)] = [("", .object(object), shape)]
    while !layer.isEmpty && !isFull {
      var next: [(path: String, value: JSONValue, shape: RequestShape)] = []
      for (path, value, shape) in layer where !isFull {
        switch (value, shape.applied(to: value)) {
        case (_, nil): add(path)
        case (.object(let object), .object(let shapes)?):
          for member in object.members where !member.value.isNull {
            let memberPath = path + (path.isEmpty ? "" : ".") + Self.encoded(member.key)
            if let shape = shapes[member.key] {
              next.append((memberPath, member.value, shape))
            } else {
              add(memberPath)
            }
          }
        case (.array(let elements), .array(let shape)?):
          for (index, element) in elements.enumerated() where element.hasMembersOrElements {
            next.append(("\(path)[\(index)]", element, shape))
          }
        default: break
        }
      }
      layer = next
    }
  }

  var header: HTTPHeader? { text.isEmpty ? nil : HTTPHeader(Self.headerName, text) }

  private mutating func add(_ path: String) {
    if isFull { return }
    let separator = text.isEmpty ? "" : ", "
    isFull = text.utf8.count + separator.utf8.count + path.utf8.count + ", ...".utf8.count > Self.maximumBytes
    text += separator + (isFull ? "..." : path)
  }

  private static func encoded(_ name: String) -> String {
    var text = ""
    for byte in name.utf8 {
      guard text.utf8.count < maximumNameBytes else { return text + "..." }
      let scalar = Unicode.Scalar(byte)
      if isPlain(byte) {
        text.unicodeScalars.append(scalar)
      } else {
        text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
      }
    }
    return text
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension JSONValue {
  fileprivate var hasMembersOrElements: Bool {
    switch self {
    case .object, .array: true
    default: false
    }
  }
}
