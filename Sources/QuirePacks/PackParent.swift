import QuireFiles
import QuireJSON
import QuireTensors

/// How a delta pack names the pack that it takes tensors from.
package struct PackParent: Sendable, Equatable {
  /// The name of its file, without a folder.
  package let file: String
  /// The hash of its tensors, see ``PackReader/contentsHash``.
  package let contentsHash: UInt64

  static let keys = ["file", "contents"]

  package init(file: String, contentsHash: UInt64) {
    self.file = file
    self.contentsHash = contentsHash
  }

  /// nil for an invalid one. A name with a slash could lead anywhere, so it is invalid.
  init?(json: JSONValue) {
    guard let object = json.objectValue, object.keys.allSatisfy(Self.keys.contains),
      let file = json["file"]?.stringValue, Self.isFileName(file),
      let text = json["contents"]?.stringValue, let hash = UInt64(text, radix: 16),
      ContentHash.hexadecimal(hash) == text
    else { return nil }
    self.init(file: file, contentsHash: hash)
  }

  var json: JSONValue {
    ["file": .string(file), "contents": .string(ContentHash.hexadecimal(contentsHash))]
  }

  /// The part of a path after the last slash.
  static func fileName(of path: String) -> String {
    path.utf8.lastIndex(of: UInt8(ascii: "/")).map { String(path[path.utf8.index(after: $0)...]) } ?? path
  }

  static func isFileName(_ name: String) -> Bool {
    (1...255).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "/") }
  }
}

extension PackReader {
  /// Throws when a delta pack at `path` could not name this pack as its parent, or would have the name itself.
  package func checkIsParent(of path: String) throws(PackError) {
    guard parent == nil else { throw .isDelta(path: self.path) }
    let name = PackParent.fileName(of: self.path)
    guard name != PackParent.fileName(of: path) else {
      throw .unwritable(
        path: path,
        reason:
          "the file name of its parent \(self.path), which is looked for by its name next to the delta pack; choose another "
          + "name")
    }
    guard PackParent.isFileName(name) else {
      throw .unwritable(
        path: path,
        reason: "a parent whose file name has control characters or more than 255 bytes; rename the parent")
    }
  }

  /// The hash of the tensors' names, shapes, schemes and contents: equal for packs with the same weights, however these
  /// are compressed and whatever else the manifests hold.
  package var contentsHash: UInt64 { Self.contentsHash(tensors) }

  static func contentsHash(_ tensors: [PackTensor]) -> UInt64 {
    var hash = ContentHash()
    for tensor in tensors {
      var bytes = LittleEndianBytes()
      for text in [tensor.name, tensor.scheme] { bytes.append(Array(text.utf8) + [0]) }
      bytes.append(UInt64(tensor.group ?? 0))
      bytes.append(UInt64(tensor.shape.count))
      for size in tensor.shape { bytes.append(UInt64(size)) }
      bytes.append(UInt64(tensor.streams.count))
      for stream in tensor.streams {
        bytes.append(UInt64(stream.rawBytes))
        bytes.append(stream.hash)
      }
      bytes.storage.withUnsafeBytes { hash.update($0) }
    }
    return hash.value
  }
}
