import QuireJSON

/// A value with the path at which it was written or, after merging, is read.
struct Placed<Value> {
  let value: Value
  let path: String

  init(_ value: Value, at path: String) { (self.value, self.path) = (value, path) }
}

/// Where the parts of merged schemas were written, for sentences about them.
struct SchemaOrigins {
  /// Paths by those that the same parts have after merging.
  private var origins: [UTF8Key: String] = [:]

  mutating func note(_ path: String, from origin: String) { origins[UTF8Key(path)] = origin }

  /// The path, in the user's document, of the schema that has a keyword; without one, of a schema.
  func written(_ path: String, keyword: String?) -> String {
    guard let keyword else { return written(path) }
    let whole = written("\(path).\(keyword)")
    return whole.hasSuffix(".\(keyword)") ? String(whole.dropLast(keyword.count + 1)) : whole
  }

  /// What was merged may have been merged before: the origin of a path has an origin itself. Each counts once.
  private func written(_ path: String) -> String {
    var path = path
    var used: Set<UTF8Key> = []
    while let (prefix, origin) = longestPrefix(of: path, except: used) {
      used.insert(UTF8Key(String(prefix)))
      path = origin + path[prefix.endIndex...]
    }
    return path
  }

  /// The longest part of a path that has an origin, from the path's start to the end of a component.
  private func longestPrefix(of path: String, except used: Set<UTF8Key>) -> (String.SubSequence, String)? {
    if origins.isEmpty { return nil }
    let ends = path.utf8.indices.filter { [UInt8(ascii: "."), UInt8(ascii: "[")].contains(path.utf8[$0]) }
    for end in (ends + [path.endIndex]).reversed() {
      let prefix = path[..<end]
      let key = UTF8Key(String(prefix))
      if let origin = origins[key], !used.contains(key) { return (prefix, origin) }
    }
    return nil
  }
}
