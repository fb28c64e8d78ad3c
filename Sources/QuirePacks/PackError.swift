import QuireFiles

/// What can go wrong with a pack that is read or written. Each description is one sentence.
package enum PackError: Error, Equatable, CustomStringConvertible {
  /// The file cannot be opened or read at all.
  case unreadable(path: String, reason: String, remedy: String = readablePath)
  /// The file is not a pack.
  case notAPack(path: String, found: String)
  /// The file has another version of the format.
  case otherVersion(path: String, found: UInt32)
  /// The file ends too early, or continues after its end.
  case incomplete(path: String, found: String)
  /// A checksum or a size contradicts the bytes.
  case damaged(path: String, part: String, found: String)
  /// The checksums are correct, but the contents are invalid: no correct writer produced this.
  case invalid(path: String, member: String, found: String)
  /// The codes of a non-linear scheme stand for other levels than in this program.
  case otherLevels(path: String, scheme: String, expected: String, found: String)
  /// The pack is valid but has no such tensor or stream.
  case missing(path: String, name: String)
  /// The pack that a delta pack takes tensors from is missing, or is another one.
  case parent(path: String, parent: PackParent, found: String)
  /// A delta pack where only a whole one will do.
  case isDelta(path: String)
  /// The tensors in an unfinished pack are not those of the model.
  case incompleteModel(path: String, found: String)
  /// The file cannot be written. The reason ends with the remedy.
  case unwritable(path: String, reason: String)

  /// What to do about a path that cannot be read.
  package static let readablePath = "give the path of a .quire file, or - for one on the standard input"

  package var description: String {
    switch self {
    case .unreadable(let path, let reason, let remedy):
      "expected a readable pack at \(path), found: \(reason); \(remedy)"
    case .notAPack(let path, let found):
      "expected a pack at \(path), found \(found); make packs with `quire convert`"
    case .otherVersion(let path, let found):
      "expected version \(PackLayout.version) of the pack format in \(path), found version \(found); "
        + "read it with the program that wrote it, or convert the checkpoint again"
    case .incomplete(let path, let found):
      "expected a whole pack in \(path), found \(found); copy the file again or convert the checkpoint again"
    case .damaged(let path, let part, let found):
      "expected an intact \(part) in \(path), found \(found); copy the file again or convert the checkpoint again"
    case .invalid(let path, let member, let found):
      "expected a valid \(member) in \(path), found \(found); do not trust this file"
    case .otherLevels(let path, let scheme, let expected, let found):
      "expected the levels \(expected) of \(scheme) in \(path), found \(found); "
        + "read it with the program that wrote it, or convert the checkpoint again"
    case .missing(let path, let name):
      "expected \(name) in \(path), found none; `quire inspect` lists what the pack holds"
    case .parent(let path, let parent, let found):
      "expected the pack \(parent.file) with the contents \(ContentHash.hexadecimal(parent.contentsHash)), "
        + "from which \(path) takes tensors, found \(found); \(Self.copying(parent, nextTo: path))give its path with --parent"
    case .isDelta(let path):
      "expected a whole pack at \(path), found a delta pack; make it whole with `quire flatten`"
    case .incompleteModel(let path, let found):
      "expected all tensors of the model in the unfinished pack \(path), found \(found); "
        + "delete the .partial files next to it and convert again"
    case .unwritable(let path, let reason):
      "expected to write \(path), found: \(reason)"
    }
  }

  /// Empty where the delta pack has the parent's name itself.
  private static func copying(_ parent: PackParent, nextTo path: String) -> String {
    if PackParent.fileName(of: path) == parent.file { return "" }
    return path == PackOpening.standardInputName
      ? "copy it to the current folder or " : "copy it next to \(path) or "
  }
}
