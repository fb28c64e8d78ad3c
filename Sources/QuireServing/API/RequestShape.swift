/// Which members the objects of a request may have, at every level. Members that a shape does not name have no
/// effect and are reported by `IgnoredFields`.
///
/// Every reader of fields declares the shape that it reads; an endpoint merges these shapes.
indirect enum RequestShape: Sendable {
  /// Read as a whole or of any structure: nothing inside is reported.
  case any
  /// Members by name.
  case object([String: RequestShape])
  case array(of: RequestShape)

  /// An object whose members may have any structure.
  static func members(_ names: [String]) -> RequestShape { .object(.any(names)) }

  /// With further names in the object `member`.
  func adding(_ names: [String], to member: String) -> RequestShape {
    guard case .object(var shapes) = self, case .object(let inner)? = shapes[member] else { return self }
    shapes[member] = .object(inner + .any(names))
    return .object(shapes)
  }
}

extension [String: RequestShape] {
  static func any(_ names: some Sequence<String>) -> [String: RequestShape] {
    var shapes: [String: RequestShape] = [:]
    for name in names { shapes[name] = .any }
    return shapes
  }

  /// The members of both; a name in both keeps the shape of `right`.
  static func + (left: Self, right: Self) -> Self { left.merging(right) { $1 } }
}
