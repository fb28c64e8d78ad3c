import QuireJSON

/// Builds statistics files by hand, with right lengths and hashes, so that only what a test gets wrong on purpose is wrong.
package enum StatisticsForge {
  /// The file of a header's JSON text, a line feed, and the values that follow. The length before the header and the
  /// table of hashes are put right as far as they can be found.
  package static func file(_ input: [UInt8]) -> [UInt8] {
    let end = input.firstIndex(of: UInt8(ascii: "\n")) ?? input.count
    let header = Array(input[..<end])
    let values = Array(input[min(end + 1, input.count)...])
    let start = PackForge.number(UInt64(header.count)) + header
    guard let json = try? JSONValue.parse(header), let members = json.objectValue?.members else {
      return start + values
    }
    var hashes = [PackForge.hash(start)]
    for member in members where member.key != "__metadata__" && member.key != "hashes" {
      guard let range = range(member.value, within: values.count) else { return start + values }
      hashes.append(PackForge.hash(Array(values[range])))
    }
    guard let from = json["hashes"]?["data_offsets"]?[0]?.count.value(atMost: values.count) else {
      return start + values
    }
    return start + values[..<from] + hashes.flatMap { PackForge.number($0) }
  }

  private static func range(_ tensor: JSONValue, within limit: Int) -> Range<Int>? {
    guard let start = tensor["data_offsets"]?[0]?.count, let end = tensor["data_offsets"]?[1]?.count else {
      return nil
    }
    return start.range(count: end - start, within: limit)
  }
}
