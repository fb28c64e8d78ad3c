import QuireFiles
import QuireJSON
import QuireTensors

/// The header of a safetensors file: eight bytes of length, JSON, then the tensors' bytes without gaps.
///
/// Everything that the format requires is checked here, before any tensor is read. Source: the format section of
/// the safetensors project's README.
struct SafetensorsHeader {
  static let lengthBytes = 8
  static let headerBytesMax = 100_000_000
  static let metadataKey = "__metadata__"
  private static let memberKeys = ["dtype", "shape", "data_offsets"]
  private static let rankMax = 32
  /// Types of the format that are narrower than a byte, or complex.
  private static let unreadableTypes: Set<String> = ["F4", "F6_E2M3", "F6_E3M2", "C64"]

  let path: String
  /// In the order of their bytes.
  private(set) var records: [TensorRecord] = []
  private(set) var metadata: [String: String] = [:]
  private let dataStart: Int
  private let dataBytes: Int

  /// Reads only the header, limited whatever length the file claims.
  init(path: String, file: InputFile) throws(CheckpointError) {
    self.path = path
    let fileBytes = file.byteCount
    try Self.rejectForeign(path, file)
    guard fileBytes >= Self.lengthBytes + 2 else {
      throw .malformed(
        path: path, expected: "a safetensors header",
        found: fileBytes == 0 ? "an empty file" : "a file of \(fileBytes) bytes")
    }
    let length = try Self.bytes(path, file, 0..<Self.lengthBytes).reversed()
      .reduce(UInt64(0)) { $0 << 8 | UInt64($1) }  // bounded: eight bytes
    guard length <= UInt64(Self.headerBytesMax) else {
      throw .malformed(
        path: path, expected: "a safetensors header of at most \(Self.headerBytesMax) bytes",
        found: "a length of \(length)")
    }
    dataStart = Self.lengthBytes + Int(length)
    guard dataStart <= fileBytes else {
      throw .malformed(
        path: path, expected: "a safetensors header of \(length) bytes",
        found: "the file's end after \(fileBytes - Self.lengthBytes)")
    }
    // bounded: the header ends within the file
    dataBytes = fileBytes - dataStart
    try read(try Self.bytes(path, file, Self.lengthBytes..<dataStart))
    try checkCover()
  }

  private static func bytes(
    _ path: String, _ file: InputFile, _ range: Range<Int>
  ) throws(CheckpointError) -> [UInt8] {
    let buffer = HostBuffer<UInt8>(count: range.count)
    do throws(FileFailure) { try file.read(at: range.lowerBound, into: buffer.bytes) } catch {
      throw .unreadable(path: path, reason: error.reason)
    }
    return withExtendedLifetime(buffer) { Array(buffer.buffer) }
  }

  /// Other files often have the name: Git LFS pointers, web pages of a failed download, renamed weights.
  private static func rejectForeign(_ path: String, _ file: InputFile) throws(CheckpointError) {
    let start = try bytes(path, file, 0..<min(file.byteCount, ForeignFile.startBytes))
    let isHeader = start.count > lengthBytes && start[lengthBytes] == UInt8(ascii: "{")
    guard !isHeader, let foreign = ForeignFile(start: start) else { return }
    throw .foreign(
      path: path, expected: "a safetensors file", found: foreign.what, advice: foreign.advice)
  }

  private mutating func read(_ text: [UInt8]) throws(CheckpointError) {
    guard text.first == UInt8(ascii: "{") else {
      throw malformed("a safetensors header that starts with {", "another byte")
    }
    let header: JSONValue
    do throws(JSONError) {
      header = try JSONValue.parse(text)
    } catch {
      throw malformed("a safetensors header of valid JSON", "a fault at \(error)")
    }
    // The JSON reader refuses equal keys; `Set` also finds names that only look the same.
    var names: Set<String> = []
    for member in header.objectValue?.members ?? [] {
      guard names.insert(member.key).inserted else {
        throw malformed("tensors with names of their own", "\"\(member.key)\" in two spellings")
      }
      if member.key == Self.metadataKey {
        metadata = try Self.metadata(member.value, path)
      } else {
        records.append(try record(member.key, member.value))
      }
    }
  }

  private static func metadata(
    _ value: JSONValue, _ path: String
  ) throws(CheckpointError) -> [String: String] {
    var metadata: [String: String] = [:]
    for member in value.objectValue?.members ?? [] { metadata[member.key] = member.value.stringValue }
    guard let object = value.objectValue, object.count == metadata.count else {
      throw .malformed(
        path: path, expected: "an object of texts as \"\(metadataKey)\"", found: "something else")
    }
    return metadata
  }

  private func record(_ name: String, _ value: JSONValue) throws(CheckpointError) -> TensorRecord {
    let called = "tensor \"\(name)\""
    guard let object = value.objectValue, object.count == Self.memberKeys.count,
      Self.memberKeys.allSatisfy({ object[$0] != nil })
    else {
      throw malformed(
        "dtype, shape and data_offsets for \(called)",
        value.objectValue.map { "\($0.keys)" } ?? value.kindDescription)
    }
    let dtype = value["dtype"]?.stringValue
    guard let element = dtype.flatMap(ElementType.init) else {
      if let dtype, Self.unreadableTypes.contains(dtype) {
        throw .foreign(
          path: path, expected: "weights in BF16, F16 or F32", found: "\(called) in \(dtype)",
          advice: "use the original checkpoint, which Quire quantizes itself")
      }
      let known = ElementType.allCases.map(\.rawValue).joined(separator: ", ")
      throw malformed("one of the types \(known) for \(called)", Self.text(value["dtype"]))
    }
    let shape = try numbers(value["shape"], "a shape of sizes from 0 up for \(called)")
    let offsets = try numbers(value["data_offsets"], "two data_offsets from 0 up for \(called)")
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= dataBytes else {
      throw malformed("data_offsets within the file's \(dataBytes) bytes of data for \(called)", "\(offsets)")
    }
    guard let needed = Self.byteCount(shape, element) else {
      throw malformed("a shape that memory can hold for \(called)", "\(shape)")
    }
    // bounded: both are within the data, in this order
    guard needed == offsets[1] - offsets[0] else {
      throw malformed(
        "\(needed) bytes for \(called) of \(description(element, shape))",
        "data_offsets with \(offsets[1] - offsets[0])")
    }
    return TensorRecord(
      name: name, element: element, shape: shape, file: path,
      range: dataStart + offsets[0]..<dataStart + offsets[1])
  }

  /// Orders the records by their bytes; they must follow each other without overlap or gap, to the file's end.
  private mutating func checkCover() throws(CheckpointError) {
    records.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    var end = dataStart
    for record in records {
      let start = record.range.lowerBound
      if start < end {
        throw malformed(
          "tensors that do not overlap", "\"\(record.name)\" \(end - start) bytes inside another")
      }
      if start > end {
        throw malformed("tensors without holes", "\(start - end) unused bytes before \"\(record.name)\"")
      }
      end = record.range.upperBound
    }
    // bounded: the size of the file
    guard end == dataStart + dataBytes else {
      throw malformed(
        "the file's end after the last tensor", "\(dataStart + dataBytes - end) bytes that belong to none")
    }
  }

  private func numbers(_ value: JSONValue?, _ expected: String) throws(CheckpointError) -> [Int] {
    guard let list = value?.arrayValue, list.count <= Self.rankMax else {
      throw malformed(expected, Self.text(value))
    }
    var numbers: [Int] = []
    for entry in list {
      guard let number = entry.numberValue, number.isIntegerLiteral, let int = number.int, int >= 0 else {
        throw malformed(expected, Self.text(value))
      }
      numbers.append(int)
    }
    return numbers
  }

  /// The bytes of a tensor, nil beyond 2^63.
  private static func byteCount(_ shape: [Int], _ element: ElementType) -> Int? {
    (CheckedCount.product(shape) * CheckedCount(element.byteCount)).value
  }

  private static func text(_ value: JSONValue?) -> String {
    guard let text = value?.serialized() else { return "none" }
    return text.utf8.count <= 80 ? text : String(text.prefix(80)) + "…"
  }

  private func malformed(_ expected: String, _ found: String) -> CheckpointError {
    .malformed(path: path, expected: expected, found: found)
  }
}
