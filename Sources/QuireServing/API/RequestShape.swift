import QuireJSON

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
  /// An object whose shape the text of one of its members chooses.
  ///
  /// - standard: The text where the member is absent.
  /// - others: The shape for a text without a shape of its own; nil: such an object has no effect as a whole.
  case variants(by: String, standard: String, [String: RequestShape], others: RequestShape?)
  /// A text that has an effect only if it is one of these.
  case words([String])
  /// Without effect, unless the value is one of these, which ask for what happens anyway.
  case unheeded(except: [JSONValue])

  /// An object whose members may have any structure.
  static func members(_ names: [String]) -> RequestShape { .object(.any(names)) }

  /// An object whose type says how it is read; one of another type has no effect as a whole.
  static func types(_ shapes: [String: RequestShape], standard: String = "") -> RequestShape {
    .variants(by: "type", standard: standard, shapes, others: nil)
  }

  /// The shape that applies to a value; nil if the value has no effect.
  func applied(to value: JSONValue) -> RequestShape? {
    switch self {
    case .variants(let member, let standard, let shapes, let others):
      guard let object = value.objectValue else { return .any }
      return shapes[object[member]?.stringValue ?? standard] ?? others
    case .words(let words):
      guard let text = value.stringValue else { return .any }
      return words.contains(text) ? .any : nil
    case .unheeded(let neutral): return neutral.contains(value) ? .any : nil
    case .any, .object, .array: return self
    }
  }

  /// With further names in the object `member`.
  func adding(_ names: [String], to member: String) -> RequestShape {
    guard case .object(var shapes) = self, case .object(let inner)? = shapes[member] else { return self }
    shapes[member] = .object(inner + .any(names))
    return .object(shapes)
  }

  /// With another shape for a member, which a path of names leads to: through arrays, and through objects of every type.
  func replacing(_ path: ArraySlice<String>, with shape: RequestShape) -> RequestShape {
    guard let name = path.first else { return shape }
    switch self {
    case .object(var members):
      members[name] = members[name]?.replacing(path.dropFirst(), with: shape)
      return .object(members)
    case .array(let element): return .array(of: element.replacing(path, with: shape))
    case .variants(let member, let standard, let shapes, let others):
      return .variants(
        by: member, standard: standard, shapes.mapValues { $0.replacing(path, with: shape) },
        others: others?.replacing(path, with: shape))
    case .any, .words, .unheeded: return self
    }
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
