import QuireCheckpoints
import TestSupport
import Testing

/// One malformed file per rule of the format, each with the sentence it must give.
@Suite struct MalformedHeaderTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let bytes: [UInt8]
    let sentence: String
  }

  /// A file of this header text and as many zero bytes of data.
  static func file(_ header: String, data: Int = 8, length: UInt64? = nil) -> [UInt8] {
    let text = Array(header.utf8)
    let count = length ?? UInt64(text.count)
    return (0..<8).map { UInt8(truncatingIfNeeded: count >> (8 * $0)) } + text
      + [UInt8](repeating: 0, count: data)
  }

  static func tensor(_ dtype: String, _ shape: String, _ offsets: String) -> String {
    "{\"dtype\":\(dtype),\"shape\":\(shape),\"data_offsets\":\(offsets)}"
  }

  static let whole = tensor("\"F32\"", "[2]", "[0,8]")
  static let types =
    "F64, F32, F16, BF16, F8_E4M3, F8_E5M2, F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I64, I32, I16, I8, U64, U32, U16, U8, BOOL"

  static let lengths: [Case] = [
    .init(
      testDescription: "empty", bytes: [],
      sentence: "expected a safetensors header in FILE, found an empty file; download the file again"),
    .init(
      testDescription: "shorter than a length", bytes: [2, 0, 0, 0, 0, 0, 0, 0, 123],
      sentence: "expected a safetensors header in FILE, found a file of 9 bytes; download the file again"),
    .init(
      testDescription: "huge length", bytes: file("{}", length: .max),
      sentence:
        "expected a safetensors header of at most 100000000 bytes in FILE, found a length of "
        + "18446744073709551615; download the file again"),
    .init(
      testDescription: "length beyond the file", bytes: file("{}", data: 0, length: 3),
      sentence:
        "expected a safetensors header of 3 bytes in FILE, found the file's end after 2; "
        + "download the file again"),
    .init(
      testDescription: "no brace", bytes: file(" {}", data: 0),
      sentence:
        "expected a safetensors header that starts with { in FILE, found another byte; download the file again"
    ),
    .init(
      testDescription: "invalid JSON", bytes: file("{\"a\":}", data: 0),
      sentence:
        "expected a safetensors header of valid JSON in FILE, found a fault at line 1, column 6: expected a value, "
        + "found '}'; download the file again"),
    .init(
      testDescription: "duplicate name", bytes: file("{\"a\":\(whole),\"a\":\(whole)}"),
      sentence:
        "expected a safetensors header of valid JSON in FILE, found a fault at line 1, column 55: the key \"a\" is "
        + "already in this object; keep one of the two; download the file again"),
    .init(
      testDescription: "one name in two spellings",
      bytes: file("{\"\\u00e9\":\(whole),\"e\\u0301\":\(whole)}"),
      sentence:
        "expected tensors with names of their own in FILE, found \"é\" in two spellings; download the file again"
    ),
    .init(
      testDescription: "metadata of numbers", bytes: file("{\"__metadata__\":{\"a\":1}}", data: 0),
      sentence:
        "expected an object of texts as \"__metadata__\" in FILE, found something else; download the file again"
    ),
  ]

  static let members: [Case] = [
    .init(
      testDescription: "no object", bytes: file("{\"a\":1}"),
      sentence:
        "expected dtype, shape and data_offsets for tensor \"a\" in FILE, found a number; download the file again"
    ),
    .init(
      testDescription: "member missing", bytes: file("{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}"),
      sentence:
        "expected dtype, shape and data_offsets for tensor \"a\" in FILE, found [\"dtype\", \"shape\"]; "
        + "download the file again"),
    .init(
      testDescription: "unknown type", bytes: file("{\"a\":\(tensor("\"Q4_K\"", "[8]", "[0,8]"))}"),
      sentence:
        "expected one of the types \(types) for tensor \"a\" in FILE, found \"Q4_K\"; download the file again"
    ),
    .init(
      testDescription: "a type narrower than a byte",
      bytes: file("{\"a\":\(tensor("\"F4\"", "[16]", "[0,8]"))}"),
      sentence:
        "expected weights in BF16, F16 or F32 at FILE, found tensor \"a\" in F4; "
        + "use the original checkpoint, which Quire quantizes itself"),
    .init(
      testDescription: "type is a number", bytes: file("{\"a\":\(tensor("4", "[8]", "[0,8]"))}"),
      sentence:
        "expected one of the types \(types) for tensor \"a\" in FILE, found 4; download the file again"),
    .init(
      testDescription: "negative size", bytes: file("{\"a\":\(tensor("\"F32\"", "[-2]", "[0,8]"))}"),
      sentence:
        "expected a shape of sizes from 0 up for tensor \"a\" in FILE, found [-2]; download the file again"),
    .init(
      testDescription: "fractional size", bytes: file("{\"a\":\(tensor("\"F32\"", "[2.0]", "[0,8]"))}"),
      sentence:
        "expected a shape of sizes from 0 up for tensor \"a\" in FILE, found [2.0]; download the file again"),
    .init(
      testDescription: "size 2^63",
      bytes: file("{\"a\":\(tensor("\"F32\"", "[9223372036854775808]", "[0,8]"))}"),
      sentence:
        "expected a shape of sizes from 0 up for tensor \"a\" in FILE, found [9223372036854775808]; "
        + "download the file again"),
    .init(
      testDescription: "product beyond 2^63",
      bytes: file("{\"a\":\(tensor("\"F32\"", "[4294967296,4294967296]", "[0,8]"))}"),
      sentence:
        "expected a shape that memory can hold for tensor \"a\" in FILE, found [4294967296, 4294967296]; "
        + "download the file again"),
    .init(
      testDescription: "product that wraps to the right size",
      bytes: file("{\"a\":\(tensor("\"U8\"", "[9223372036854775807,9223372036854775807,8]", "[0,8]"))}"),
      sentence:
        "expected a shape that memory can hold for tensor \"a\" in FILE, found "
        + "[9223372036854775807, 9223372036854775807, 8]; download the file again"),
    .init(
      testDescription: "shape and bytes differ",
      bytes: file("{\"a\":\(tensor("\"BF16\"", "[2,3]", "[0,8]"))}"),
      sentence:
        "expected 12 bytes for tensor \"a\" of BF16 [2, 3] in FILE, found data_offsets with 8; "
        + "download the file again"),
  ]

  static let offsets: [Case] = [
    .init(
      testDescription: "beyond the file", bytes: file("{\"a\":\(tensor("\"F32\"", "[4]", "[0,16]"))}"),
      sentence:
        "expected data_offsets within the file's 8 bytes of data for tensor \"a\" in FILE, found [0, 16]; "
        + "download the file again"),
    .init(
      testDescription: "backwards", bytes: file("{\"a\":\(tensor("\"F32\"", "[2]", "[8,0]"))}"),
      sentence:
        "expected data_offsets within the file's 8 bytes of data for tensor \"a\" in FILE, found [8, 0]; "
        + "download the file again"),
    .init(
      testDescription: "one offset", bytes: file("{\"a\":\(tensor("\"F32\"", "[2]", "[8]"))}"),
      sentence:
        "expected data_offsets within the file's 8 bytes of data for tensor \"a\" in FILE, found [8]; "
        + "download the file again"),
    .init(
      testDescription: "negative offset", bytes: file("{\"a\":\(tensor("\"F32\"", "[2]", "[-8,0]"))}"),
      sentence:
        "expected two data_offsets from 0 up for tensor \"a\" in FILE, found [-8,0]; download the file again"),
    .init(
      testDescription: "overlap",
      bytes: file(
        "{\"a\":\(tensor("\"U8\"", "[6]", "[0,6]")),\"b\":\(tensor("\"U8\"", "[4]", "[4,8]"))}"),
      sentence:
        "expected tensors that do not overlap in FILE, found \"b\" 2 bytes inside another; download the file again"
    ),
    .init(
      testDescription: "hole",
      bytes: file(
        "{\"a\":\(tensor("\"U8\"", "[2]", "[0,2]")),\"b\":\(tensor("\"U8\"", "[4]", "[4,8]"))}"),
      sentence:
        "expected tensors without holes in FILE, found 2 unused bytes before \"b\"; download the file again"),
    .init(
      testDescription: "bytes after the last tensor", bytes: file("{\"a\":\(whole)}", data: 11),
      sentence:
        "expected the file's end after the last tensor in FILE, found 3 bytes that belong to none; "
        + "download the file again"),
  ]

  @Test(arguments: lengths + members + offsets)
  func givesItsSentence(_ malformed: Case) throws {
    let folder = TemporaryFolder()
    let path = folder.write(malformed.bytes, to: "model.safetensors")
    let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
    #expect(error?.description.replacing(path, with: "FILE") == malformed.sentence)
  }

  @Test func acceptsWhatTheFormatAllows() throws {
    let folder = TemporaryFolder()
    let empty = folder.write(Self.file("{}", data: 0), to: "none")
    #expect(try SafetensorsFile(path: empty).records == [])
    // Trailing spaces, metadata, a scalar, an empty tensor, tensors in another order than their bytes.
    let text =
      "{\"__metadata__\":{\"format\":\"pt\"},\"b\":\(Self.tensor("\"F32\"", "[]", "[4,8]")),"
      + "\"e\":\(Self.tensor("\"I64\"", "[0,5]", "[4,4]")),\"a\":\(Self.tensor("\"U8\"", "[2,2]", "[0,4]"))}  "
    let file = try SafetensorsFile(path: folder.write(Self.file(text), to: "some"))
    #expect(file.records.map(\.name) == ["a", "e", "b"])
    #expect(file.metadata == ["format": "pt"])
    #expect(file.record("b")?.shape == [] && file.record("e")?.byteCount == 0)
  }

  @Test func everyTruncationGivesASentence() throws {
    var image = SafetensorsImage()
    image.add("a", shape: [3, 5], (0..<15).map(Float.init))
    image.add("b", shape: [4], [1, 2, 3, 4] as [Float])
    let folder = TemporaryFolder()
    for count in 0..<image.bytes.count {
      let path = folder.write(image.bytes.prefix(count), to: "cut")
      let error = #expect(throws: CheckpointError.self) { try SafetensorsFile(path: path) }
      #expect(error?.description.contains("; download the file again") == true, "cut at \(count)")
    }
  }

  @Test func seededDamageNeverCrashes() throws {
    var image = SafetensorsImage()
    for index in 0..<6 {
      image.add("t\(index)", shape: [index + 1, 2], [Float](repeating: 1, count: 2 * index + 2))
    }
    var generator = SeededGenerator(seed: 11)
    let headerBytes = image.bytes.count - 42 * 4
    let folder = TemporaryFolder()
    var refused = 0
    for _ in 0..<400 {
      var bytes = image.bytes
      for _ in 0..<Int.random(in: 1...3, using: &generator) {
        bytes[Int.random(in: 0..<headerBytes, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
      }
      let path = folder.write(bytes, to: "damaged")
      do throws(CheckpointError) {
        let file = try SafetensorsFile(path: path)
        for record in file.records { #expect(record.range.upperBound <= bytes.count) }
      } catch {
        refused += 1
      }
    }
    #expect(refused > 300)
  }
}
