import QuireJSON

/// `model.safetensors.index.json`: the shard of each tensor.
struct ShardIndex {
  let path: String
  /// Paths within the folder, in the order of their first occurrence in the index: "model-00001-of-00002.safetensors",
  /// "part1/model-00001.safetensors".
  let shardNames: [String]
  /// For each tensor an index into `shardNames`.
  let shardOfTensor: [(name: String, shard: Int)]

  init(path: String, json: JSONValue) throws(CheckpointError) {
    self.path = path
    guard let map = json["weight_map"]?.objectValue, !map.isEmpty else {
      throw .malformed(
        path: path, expected: "a \"weight_map\" of tensors and files",
        found: json["weight_map"].map { $0.objectValue == nil ? $0.kindDescription : "an empty one" }
          ?? "none")
    }
    var shards: [String: Int] = [:]
    var names: [String] = []
    var tensors: [(name: String, shard: Int)] = []
    for member in map.members {
      guard let name = member.value.stringValue, Self.isInside(name) else {
        throw .malformed(
          path: path, expected: "the path of a file within the same folder for tensor \"\(member.key)\"",
          found: member.value.stringValue.map { "\"\($0.filter { $0 != "\0" })\"" }
            ?? member.value.kindDescription)
      }
      if shards[name] == nil {
        shards[name] = names.count
        names.append(name)
      }
      tensors.append((member.key, shards[name]!))
    }
    shardNames = names
    shardOfTensor = tensors
  }

  /// Whether a path stays within the folder. Empty parts are refused too, so that each file has one spelling.
  private static func isInside(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return !name.utf8.contains(0)
      && parts.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
  }

  /// Opens all shards and compares them with the index.
  func open(
    in folder: CheckpointFolder
  ) throws(CheckpointError) -> (files: [SafetensorsFile], unlistedTensors: [String]) {
    var files: [SafetensorsFile] = []
    for name in shardNames {
      guard try folder.has(name) else {
        throw .shards(
          path: path, expected: "\(shardNames.count) shards with \(name) among them",
          found: "none of that name")
      }
      files.append(try SafetensorsFile(path: folder.path(name)))
    }
    var listed = files.map { _ in Set<String>() }
    for (name, shard) in shardOfTensor {
      guard files[shard].record(name) != nil else {
        let other = files.firstIndex { $0.record(name) != nil }
        throw .shards(
          path: path, expected: "tensor \"\(name)\" in \(shardNames[shard])",
          found: other.map { "it in \(shardNames[$0])" } ?? "it in no shard")
      }
      listed[shard].insert(name)
    }
    let unlisted = zip(files, listed).flatMap { file, listed in
      file.records.map(\.name).filter { !listed.contains($0) }
    }
    return (files, unlisted.sorted())
  }
}
