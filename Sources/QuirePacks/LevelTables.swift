import QuireJSON
import QuireTensors

/// The tables of levels of a pack's non-linear schemes, in the manifest.
///
/// They are fixed for each scheme. They stand in the manifest so that another reader needs nothing else to restore weights, and
/// so that a pack whose codes mean something else is refused.
enum LevelTables {
  static let key = "levels"

  /// An object with the table of each non-linear scheme among the tensors, by name; nil where there is none.
  static func json(of tensors: [PackTensor]) -> JSONValue? {
    let schemes = schemes(of: tensors)
    guard !schemes.isEmpty else { return nil }
    return .object(
      JSONObject(
        uniqueMembers: schemes.map { scheme in
          .init(key: scheme.rawValue, value: .array(scheme.levels.map { .int(Int($0)) }))
        }))
  }

  /// Throws when the manifest has other tables than this program, too few or too many.
  static func check(_ manifest: JSONValue, _ tensors: [PackTensor], path: String) throws(PackError) {
    let schemes = schemes(of: tensors)
    for scheme in schemes {
      let found = manifest[key]?[scheme.rawValue]
      let numbers = found?.arrayValue?.map(\.intValue)
      guard numbers != scheme.levels.map({ Int($0) }) else { continue }
      throw .otherLevels(
        path: path, scheme: scheme.rawValue, expected: text(scheme.levels.map { Int($0) }),
        found: numbers.map { text($0) } ?? found?.kindDescription ?? "none")
    }
    let names = manifest[key]?.objectValue?.keys ?? []
    guard names.count == schemes.count, !schemes.isEmpty || manifest[key] == nil else {
      throw .invalid(
        path: path, member: "member \"\(key)\" (the tables of the schemes that tensors have)", found: "others"
      )
    }
  }

  private static func schemes(of tensors: [PackTensor]) -> [WeightFormat.Scheme] {
    let found = Set(tensors.compactMap { WeightFormat(name: $0.scheme, group: $0.group)?.scheme })
    return WeightFormat.Scheme.allCases.filter { $0.isNonlinear && found.contains($0) }
  }

  /// At most as many numbers as a table has.
  private static func text(_ numbers: [Int?]) -> String {
    let rest = numbers.count > 16 ? " … (\(numbers.count) numbers)" : ""
    return numbers.prefix(16).map { $0.map(String.init) ?? "?" }.joined(separator: " ") + rest
  }
}
