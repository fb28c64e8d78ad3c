import QuireFiles
import QuireJSON

/// A model in a GGUF file, or in the parts `NAME-00001-of-00003.gguf` of one.
struct GGUFModel {
  let files: [any TensorFile]
  let tensors: [String: (file: Int, record: TensorRecord)]
  let configuration: JSONValue
  let generationConfiguration: JSONValue?
  let tokens: GGUFTokens

  /// Whether the file at `path` begins as a GGUF file does.
  static func isOne(_ path: String) -> Bool {
    guard let file = try? InputFile(path: path), file.byteCount >= GGUFFormat.magic.count else {
      return false
    }
    var start = [UInt8](repeating: 0, count: GGUFFormat.magic.count)
    let isRead: Bool = start.withUnsafeMutableBytes { (try? file.read(at: 0, into: $0)) != nil }
    return isRead && start == GGUFFormat.magic
  }

  init(path: String) throws(CheckpointError) {
    let files = try GGUFSplit.open(path)
    let metadata = files[0].metadata
    var tensors: [String: (file: Int, record: TensorRecord)] = [:]
    for (index, file) in files.enumerated() {
      for record in file.records {
        guard tensors.updateValue((index, record), forKey: record.name) == nil else {
          throw .malformed(
            path: file.path, expected: "tensors with names of their own",
            found: "\"\(record.name)\" in two parts")
        }
      }
    }
    tokens = try GGUFTokens(metadata)
    let embedding = tensors[GGUFNames.checkpointName("token_embd.weight")]?.record
    let configuration = GGUFConfiguration(
      metadata: metadata, vocabularySize: embedding?.shape[0] ?? tokens.count,
      hasHead: tensors[GGUFNames.checkpointName("output.weight")] != nil)
    self.configuration = try configuration.json()
    generationConfiguration = try configuration.generation()
    self.files = files
    self.tensors = tensors
  }
}

/// The parts of a GGUF file that llama.cpp has split. Each has a header with all keys or only those of the split.
enum GGUFSplit {
  private static let counts = 1...99_999

  /// All parts in order; one file that is not split.
  static func open(_ path: String) throws(CheckpointError) -> [GGUFFile] {
    let first = try GGUFFile(path: path)
    guard let count = try first.metadata.optionalInteger("split.count", in: counts), count > 1 else {
      return [first]
    }
    guard let stem = stem(of: path, part: 1, count: count) else {
      let name = "NAME" + ending(1, count)
      throw .foreign(
        path: path, expected: "the first of \(count) parts, \(name),", found: "another part or another name",
        advice: "give the first part, and keep the names that the parts were published with")
    }
    try check(first, part: 1, count: count)
    var files = [first]
    for part in 2...count {
      let file = try GGUFFile(path: "\(stem)\(ending(part, count))")
      try check(file, part: part, count: count)
      files.append(file)
    }
    // bounded: all are in memory
    let tensorCount = files.reduce(0) { $0 + $1.records.count }
    if let expected = try first.metadata.optionalInteger("split.tensors.count", in: 0...Int(Int32.max)),
      expected != tensorCount
    {
      throw .malformed(
        path: path, expected: "\(expected) tensors in all parts", found: "\(tensorCount)")
    }
    return files
  }

  /// The paths of the other parts of a file with the name of a part; empty for other names. Nothing is opened.
  static func otherParts(than path: String) -> [String] {
    let words = path.dropLast(".gguf".count).suffix("00001-of-00003".count).split(separator: "-")
    guard words.count == 3, let part = Int(words[0]), let count = Int(words[2]), counts.contains(count),
      let stem = stem(of: path, part: part, count: count)
    else { return [] }
    // bounded: names of files are joined
    return (1...count).filter { $0 != part }.map { stem + ending($0, count) }
  }

  private static func check(_ file: GGUFFile, part: Int, count: Int) throws(CheckpointError) {
    let number = try file.metadata.integer("split.no", in: 0...counts.upperBound)
    // bounded: at most 99 999
    guard number == part - 1, try file.metadata.integer("split.count", in: counts) == count else {
      throw .malformed(
        path: file.path, expected: "part \(part) of \(count) by its keys split.no and split.count",
        found: "another")
    }
  }

  private static func ending(_ part: Int, _ count: Int) -> String {
    "-\(fiveDigits(part))-of-\(fiveDigits(count)).gguf"
  }

  private static func fiveDigits(_ number: Int) -> String {
    String(repeating: "0", count: max(0, 5 - "\(number)".count)) + "\(number)"
  }

  /// The path without the ending of a part; nil if it has another.
  private static func stem(of path: String, part: Int, count: Int) -> String? {
    let ending = ending(part, count)
    return path.hasSuffix(ending) ? String(path.dropLast(ending.count)) : nil
  }
}
