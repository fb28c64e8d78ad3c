/// Parts of paths as text.
package enum PathText {
  /// The last part of a path, without slashes at its end; the path itself where it has none.
  package static func name(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }
}
