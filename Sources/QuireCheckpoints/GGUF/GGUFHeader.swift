import QuireFiles
import QuireJSON

/// One tensor's entry in a GGUF header.
struct GGUFTensor: Equatable, Sendable {
  /// The name in the file: `blk.3.attn_q.weight`.
  let name: String
  let type: GGUFType
  /// The largest stride first, as in safetensors; the file has the reverse order.
  let shape: [Int]
  /// The range of its bytes, from the start of the file.
  let range: Range<Int>
  /// Inputs that share a scale, where a file of Quire's says so.
  var groupSize: Int?
}

/// The header of a GGUF file, version 2 or 3: magic, counts, metadata and the tensors' entries.
///
/// Everything is checked here against the file's size, before a tensor is read.
struct GGUFHeader {
  private static let rankMax: UInt32 = 4
  private static let alignmentMax = 1 << 16

  private(set) var metadata: GGUFFields
  /// In the order of their bytes.
  private(set) var tensors: [GGUFTensor] = []
  /// The offset of the first tensor, a multiple of the alignment.
  private(set) var dataStart = 0
  private let fileBytes: Int

  init(path: String, file: InputFile) throws(CheckpointError) {
    var cursor = GGUFCursor(path: path, file: file)
    metadata = GGUFFields(path: path)
    fileBytes = file.byteCount
    for byte in GGUFFormat.magic {
      guard try cursor.number(UInt8.self, "a GGUF header") == byte else {
        throw cursor.malformed("a GGUF header that starts with GGUF", "other bytes")
      }
    }
    try Self.checkVersion(try cursor.number(UInt32.self, "a GGUF version"), cursor)
    let tensorCount = try cursor.number(UInt64.self, "the number of tensors")
    let fieldCount = try cursor.number(UInt64.self, "the number of metadata keys")
    // An entry has at least 24 bytes, a key and its value 13; a false count is refused before its loop starts.
    let needed =
      CheckedCount(tensorCount) * CheckedCount(24) + CheckedCount(fieldCount) * CheckedCount(13)
    guard needed.value(atMost: cursor.remaining) != nil else {
      throw cursor.malformed(
        "tensors and metadata keys that fit into \(cursor.remaining) bytes",
        "counts of \(tensorCount) and \(fieldCount)")
    }
    for _ in 0..<fieldCount {
      let (key, value) = try Self.field(&cursor)
      guard metadata.add(key, value) else {
        throw cursor.malformed("metadata keys that differ", "\"\(key.prefix(80))\" twice")
      }
    }
    try checkArchitecture()
    try readTensors(tensorCount, &cursor)
  }

  private static func checkVersion(_ version: UInt32, _ cursor: GGUFCursor) throws(CheckpointError) {
    if GGUFFormat.versions.contains(version) { return }
    let isSwapped = GGUFFormat.versions.contains(version.byteSwapped)
    throw .foreign(
      path: cursor.path, expected: "a little-endian GGUF file of version 2 or 3",
      found: isSwapped ? "a big-endian one" : "version \(version)",
      advice: "convert the model again with a current llama.cpp")
  }

  /// Other architectures may have keys and types that are not known here, so this is checked first.
  private func checkArchitecture() throws(CheckpointError) {
    let found = try metadata.optionalText("general.architecture")
    guard found == GGUFFormat.architecture || found == nil && metadata["split.no"] != nil else {
      throw .foreign(
        path: metadata.path, expected: "a GGUF file of architecture \(GGUFFormat.architecture)",
        found: found.map { "architecture \($0.prefix(40))" } ?? "no architecture",
        advice: "choose a model of Qwen3 without experts, such as Qwen/Qwen3-8B-GGUF")
    }
  }

  // MARK: Tensors

  private mutating func readTensors(_ count: UInt64, _ cursor: inout GGUFCursor) throws(CheckpointError) {
    let alignment =
      try metadata.optionalInteger("general.alignment", in: 1...Self.alignmentMax) ?? GGUFFormat.alignment
    guard alignment.nonzeroBitCount == 1 else {
      throw metadata.wrong("general.alignment", "a power of two")
    }
    var entries: [(name: String, type: GGUFType, shape: [Int], offset: UInt64)] = []
    var names: Set<String> = []
    for _ in 0..<count {
      let entry = try readEntry(&cursor)
      guard names.insert(entry.name).inserted else {
        throw cursor.malformed("tensors with names of their own", "\"\(entry.name)\" twice")
      }
      entries.append(entry)
    }
    let start = CheckedCount(cursor.offset).roundedUp(toMultipleOf: CheckedCount(alignment))
    // A file without tensors may end after its header.
    guard let dataStart = start.value(atMost: entries.isEmpty ? Int.max : fileBytes) else {
      throw cursor.malformed("tensors after the header", "the file's end after \(fileBytes) bytes")
    }
    self.dataStart = min(dataStart, fileBytes)
    for entry in entries {
      tensors.append(try tensor(entry, alignment: alignment))
    }
    if case .integers(let sizes)? = metadata[GGUFFormat.groupSizesKey], sizes.count == tensors.count {
      for index in tensors.indices { tensors[index].groupSize = sizes[index] }
    }
    try checkOverlap()
  }

  private func readEntry(
    _ cursor: inout GGUFCursor
  ) throws(CheckpointError) -> (name: String, type: GGUFType, shape: [Int], offset: UInt64) {
    guard let name = try cursor.text("a tensor's name") else {
      throw cursor.malformed("a tensor's name in UTF-8", "other bytes")
    }
    let called = "tensor \"\(name.prefix(80))\""
    let rank = try cursor.number(UInt32.self, "the shape of \(called)")
    guard rank >= 1, rank <= Self.rankMax else {
      throw cursor.malformed("1 to \(Self.rankMax) dimensions for \(called)", "\(rank)")
    }
    var sizes: [Int] = []
    for _ in 0..<rank {
      let size = try cursor.number(UInt64.self, "the shape of \(called)")
      guard let value = CheckedCount(size).value(in: 1...Int.max) else {
        throw cursor.malformed("sizes from 1 to 2^63 for \(called)", "\(size)")
      }
      sizes.append(value)
    }
    let number = try cursor.number(UInt32.self, "the type of \(called)")
    guard let type = GGUFType(rawValue: number) else {
      let known = GGUFType.allCases.map(\.name).joined(separator: ", ")
      throw .foreign(
        path: cursor.path, expected: "tensors of the types \(known)",
        found: "\(called) in \(GGUFType.name(of: number))",
        advice: "choose a file of another type, for example Q8_0 or Q4_K_M, or the original checkpoint")
    }
    return (name, type, sizes.reversed(), try cursor.number(UInt64.self, "the offset of \(called)"))
  }

  private func tensor(
    _ entry: (name: String, type: GGUFType, shape: [Int], offset: UInt64), alignment: Int
  ) throws(CheckpointError) -> GGUFTensor {
    let called = "tensor \"\(entry.name.prefix(80))\""
    func malformed(_ expected: String, _ found: String) -> CheckpointError {
      .malformed(path: metadata.path, expected: expected, found: found)
    }
    let width = entry.shape[entry.shape.count - 1]
    guard width % entry.type.blockValues == 0 else {
      throw malformed(
        "rows of whole blocks of \(entry.type.blockValues) values for \(called) in \(entry.type.name)",
        "rows of \(width)")
    }
    let blocks = CheckedCount.product(entry.shape) / CheckedCount(entry.type.blockValues)
    guard entry.offset % UInt64(alignment) == 0 else {
      throw malformed("an offset of \(called) that is a multiple of \(alignment)", "\(entry.offset)")
    }
    let start = CheckedCount(dataStart) + CheckedCount(entry.offset)
    guard let range = start.range(count: blocks * CheckedCount(entry.type.blockBytes), within: fileBytes)
    else {
      throw malformed(
        "\(called) of \(entry.type.name) \(entry.shape) within the file's \(fileBytes) bytes",
        "its end after them")
    }
    return GGUFTensor(name: entry.name, type: entry.type, shape: entry.shape, range: range)
  }

  /// Orders the tensors by their bytes. Unused bytes between them are padding.
  private mutating func checkOverlap() throws(CheckpointError) {
    tensors.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    for (tensor, next) in zip(tensors, tensors.dropFirst())
    where next.range.lowerBound < tensor.range.upperBound {
      throw .malformed(
        path: metadata.path, expected: "tensors that do not overlap",
        found: "\"\(next.name)\" and \"\(tensor.name)\" with bytes in common")
    }
  }
}
