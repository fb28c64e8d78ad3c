import QuireFiles
import QuireJSON
import QuireTensors

/// Turns a manifest's `tensors` into `PackTensor`s and believes nothing: every name, shape and stream is held
/// against the scheme, the seek table and the size of the file.
struct ManifestValidator {
  let path: String
  let frames: FrameTable
  /// What all tensors together may unpack to.
  let totalRawBytesMax: Int

  // Two names that only look the same are one name to Swift, and confusing to everybody.
  private var names: Set<String> = []
  /// For each data frame the stream that has it: an index into `owners`, -1 for none.
  private var ownerOfFrame: [Int32]
  private var owners: [PackTensor.Stream] = []

  private var dataFrames: Range<Int> { frames.dataFrames }

  init(path: String, frames: FrameTable, totalRawBytesMax: Int) {
    self.path = path
    self.frames = frames
    self.totalRawBytesMax = totalRawBytesMax
    ownerOfFrame = [Int32](repeating: -1, count: frames.dataFrames.count)
  }

  mutating func tensors(_ manifest: JSONValue) throws(PackError) -> [PackTensor] {
    guard case .object = manifest else {
      throw invalid("object", manifest.kindDescription)
    }
    guard let list = manifest[PackTensor.listKey]?.arrayValue else {
      throw invalid("list \"tensors\"", manifest[PackTensor.listKey]?.kindDescription ?? "none")
    }
    guard list.count <= PackLayout.tensorCountMax else {
      throw invalid("number of tensors (at most \(PackLayout.tensorCountMax))", "\(list.count)")
    }
    var tensors: [PackTensor] = []
    tensors.reserveCapacity(list.count)
    var rawBytes = CheckedCount(0)
    for (index, value) in list.enumerated() {
      let tensor = try tensor(value, index: index)
      rawBytes += CheckedCount.sum(tensor.streams.map(\.rawBytes))
      // Streams may be shared, so the sizes of the frames do not bound the sum.
      guard rawBytes.value(atMost: totalRawBytesMax) != nil else {
        throw invalid("total size of tensors (at most \(totalRawBytesMax) bytes)", "more")
      }
      tensors.append(tensor)
    }
    if let orphan = ownerOfFrame.firstIndex(of: -1) {
      throw invalid(
        "list of streams that has every frame", "no stream with frame \(dataFrames.lowerBound + orphan)")
    }
    return tensors
  }

  private mutating func tensor(_ value: JSONValue, index: Int) throws(PackError) -> PackTensor {
    let place = "tensor \(index)"
    try require(value, keys: PackTensor.keys, place)
    let name = try self.name(value["name"], place)
    let called = "tensor \"\(name)\""
    let shape = try self.shape(value["shape"], called)
    guard let scheme = value["scheme"]?.stringValue else {
      throw invalid("scheme of \(called)", value["scheme"]?.kindDescription ?? "none")
    }
    var group: Int?
    if value["group"] != .null { group = try integer(value["group"], in: 1...Int.max, "group of \(called)") }
    let expected: [PackSchema.Stream]
    switch PackSchema.streams(shape: shape, scheme: scheme, group: group) {
    case .success(let streams): expected = streams
    case .failure(let misfit): throw invalid("scheme and shape of \(called)", misfit.found)
    }
    guard let list = value["streams"]?.arrayValue, list.count == expected.count else {
      throw invalid(
        "list of \(expected.count) streams for \(called)",
        value["streams"]?.arrayValue.map { "\($0.count)" } ?? "none")
    }
    var streams: [PackTensor.Stream] = []
    for (value, expected) in zip(list, expected) {
      streams.append(try stream(value, expected, "\(expected.kind.rawValue) of \(called)"))
    }
    return PackTensor(name: name, shape: shape, scheme: scheme, group: group, streams: streams)
  }

  private mutating func name(_ value: JSONValue?, _ place: String) throws(PackError) -> String {
    guard let name = value?.stringValue else {
      throw invalid("name of \(place)", value?.kindDescription ?? "none")
    }
    guard (1...PackLayout.nameBytesMax).contains(name.utf8.count) else {
      throw invalid(
        "name of \(place) (1 to \(PackLayout.nameBytesMax) bytes)", "one of \(name.utf8.count) bytes")
    }
    guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw invalid("name of \(place)", "one with a control character")
    }
    guard names.insert(name).inserted else {
      throw invalid("list of tensors with names of their own", "\"\(name)\" twice")
    }
    return name
  }

  private func shape(_ value: JSONValue?, _ place: String) throws(PackError) -> [Int] {
    guard let list = value?.arrayValue, (1...PackLayout.rankMax).contains(list.count) else {
      throw invalid(
        "shape of \(place) (1 to \(PackLayout.rankMax) sizes)",
        value?.arrayValue.map { "\($0.count) sizes" } ?? value?.kindDescription ?? "none")
    }
    var shape: [Int] = []
    for size in list { shape.append(try integer(size, in: 1...Int.max, "shape of \(place)")) }
    return shape
  }

  private mutating func stream(
    _ value: JSONValue, _ expected: PackSchema.Stream, _ place: String
  ) throws(PackError) -> PackTensor.Stream {
    try require(value, keys: PackTensor.Stream.keys, place)
    guard value["kind"]?.stringValue == expected.kind.rawValue else {
      throw invalid(
        "kind of the stream \(place)", value["kind"]?.stringValue.map { "\"\($0)\"" } ?? "none")
    }
    let rawBytes = try integer(value["rawBytes"], in: 1...Int.max, "rawBytes of \(place)")
    guard rawBytes == expected.rawBytes else {
      throw invalid("rawBytes of \(place) (\(expected.rawBytes) by its shape and scheme)", "\(rawBytes)")
    }
    let frameBytes = try integer(
      value["frameBytes"], in: 1...PackLayout.frameRawBytesMax, "frameBytes of \(place)")
    // A number of two bytes each must not be cut in the middle.
    guard expected.kind != .bf16 || frameBytes % 2 == 0 else {
      throw invalid("frameBytes of \(place) (an even number)", "\(frameBytes)")
    }
    let frameCount = PackLayout.frameCount(rawBytes: rawBytes, frameBytes: frameBytes)
    let first = try integer(
      value["firstFrame"], in: dataFrames.lowerBound...Int.max, "firstFrame of \(place)")
    guard
      let range = CheckedCount(first).range(count: CheckedCount(frameCount), within: dataFrames.upperBound)
    else {
      throw invalid(
        "position of \(place) among the frames from \(dataFrames.lowerBound) to before \(dataFrames.upperBound)",
        "\(frameCount) frames from \(first) on")
    }
    let stream = PackTensor.Stream(
      kind: expected.kind, rawBytes: rawBytes, frameBytes: frameBytes, firstFrame: first,
      hash: try hash(value["hash"], "hash of \(place)"),
      packedHash: try hash(value["packedHash"], "packedHash of \(place)"),
      packedBytes: frames.bytes(of: range).count)
    try claim(stream, place)
    return stream
  }

  /// 1 an earlier stream has exactly these frames; 2 nobody has them; 3 anything else overlaps.
  ///
  /// Shared frames are looked at once: a hostile manifest could share many frames among many tensors.
  private mutating func claim(_ stream: PackTensor.Stream, _ place: String) throws(PackError) {
    // bounded: the stream's frames are among the data frames, of which there are at most 2^27
    let offset = dataFrames.lowerBound
    let slots = stream.frames.lowerBound - offset..<stream.frames.upperBound - offset
    let owner = ownerOfFrame[slots.lowerBound]
    if owner >= 0, owners[Int(owner)].sharesStorage(with: stream) { return }  // 1
    guard ownerOfFrame[slots].allSatisfy({ $0 < 0 }) else {  // 3
      throw invalid("position of \(place)", "frames that belong to another stream")
    }
    try checkSizes(stream, place)  // 2
    for slot in slots { ownerOfFrame[slot] = Int32(owners.count) }
    owners.append(stream)
  }

  /// Holds the frames' sizes in the seek table against the stream's.
  private func checkSizes(_ stream: PackTensor.Stream, _ place: String) throws(PackError) {
    for (index, frame) in stream.frames.enumerated() {
      // bounded: a frame before the stream's last byte
      let expected = min(stream.frameBytes, stream.rawBytes - index * stream.frameBytes)
      guard frames.rawBytes[frame] == expected else {
        throw invalid(
          "size of frame \(frame) of \(place) (\(expected) bytes)",
          "\(frames.rawBytes[frame]) in the seek table")
      }
    }
  }

  private func require(_ value: JSONValue, keys: [String], _ place: String) throws(PackError) {
    guard let object = value.objectValue else { throw invalid(place, value.kindDescription) }
    for key in keys where object[key] == nil { throw invalid("member \"\(key)\" of \(place)", "none") }
    if let extra = object.keys.first(where: { !keys.contains($0) }) {
      throw invalid(place, "an unknown member \"\(extra.prefix(40))\"")
    }
  }

  private func integer(
    _ value: JSONValue?, in range: ClosedRange<Int>, _ place: String
  ) throws(PackError) -> Int {
    guard let number = value?.numberValue, number.isIntegerLiteral, let integer = number.int,
      range.contains(integer)
    else {
      let found = value?.numberValue.map { String($0.literal.prefix(40)) } ?? value?.kindDescription
      throw invalid(place, found ?? "none")
    }
    return integer
  }

  private func hash(_ value: JSONValue?, _ place: String) throws(PackError) -> UInt64 {
    // Compared as text: `UInt64(_:radix:)` alone would take signs and capitals too.
    guard let text = value?.stringValue, let hash = UInt64(text, radix: 16),
      ContentHash.hexadecimal(hash) == text
    else { throw invalid("\(place) (16 hexadecimal digits)", "something else") }
    return hash
  }

  private func invalid(_ member: String, _ found: String) -> PackError {
    .invalid(path: path, member: member, found: found)
  }
}

extension PackTensor.Stream {
  /// Whether both are the same frames, and are read alike.
  func sharesStorage(with other: Self) -> Bool {
    firstFrame == other.firstFrame && rawBytes == other.rawBytes && frameBytes == other.frameBytes
      && hash == other.hash && packedHash == other.packedHash && (kind == .bf16) == (other.kind == .bf16)
  }
}
