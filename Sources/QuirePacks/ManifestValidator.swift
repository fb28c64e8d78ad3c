import QuireFiles
import QuireJSON
import QuireTensors

/// Turns a manifest's `tensors` into `PackTensor`s without trusting them: every name, shape and stream is checked
/// against the scheme, the seek table and the size of the file.
struct ManifestValidator {
  let path: String
  let frames: FrameTable
  /// Of a delta pack.
  let parent: PackReader?
  /// The most bytes that all tensors together may decompress to.
  let totalRawBytesMax: Int

  // Swift compares names by canonical equivalence, so two that only look the same count as one.
  private var names: Set<String> = []
  /// For each data frame the stream that it belongs to: an index into `owners`, -1 for none.
  private var ownerOfFrame: [Int32]
  private var owners: [PackTensor.Stream] = []
  let parentStreams: [PackTensor.Stream.Contents: PackTensor.Stream]

  private var dataFrames: Range<Int> { frames.dataFrames }

  init(path: String, frames: FrameTable, parent: PackReader?, totalRawBytesMax: Int) {
    self.path = path
    self.frames = frames
    self.parent = parent
    parentStreams = parent?.streamOfContents ?? [:]
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
      rawBytes += CheckedCount.sum(tensor.storedStreams.map(\.rawBytes))
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
    let label = "tensor \(index)"
    try require(value, keys: PackTensor.keys(hasParent: parent != nil), label)
    let name = try self.name(value["name"], label)
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
    case .failure(let mismatch): throw invalid("scheme and shape of \(called)", mismatch.found)
    }
    guard let list = value["streams"]?.arrayValue, list.count == expected.count else {
      throw invalid(
        "list of \(expected.count) streams for \(called)",
        value["streams"]?.arrayValue.map { "\($0.count)" } ?? "none")
    }
    var tensor = PackTensor(name: name, shape: shape, scheme: scheme, group: group, streams: [])
    // Factors come first in the file.
    if parent != nil, let factors = value[PackTensor.factorsKey], !factors.isNull {
      tensor.factors = try self.factors(factors, of: tensor, index, called)
    }
    var streams: [PackTensor.Stream] = []
    for (value, expected) in zip(list, expected) {
      let label = "\(expected.kind.rawValue) of \(called)"
      streams.append(try stream(value, expected, tensor, index, label))
    }
    let isDifference = streams.contains { $0.source == .difference(tensor: index) }
    guard isDifference || tensor.factors == nil else {
      throw invalid("factors of \(called) (null without differences)", "a stream")
    }
    return tensor.with(streams)
  }

  private mutating func name(_ value: JSONValue?, _ label: String) throws(PackError) -> String {
    guard let name = value?.stringValue else {
      throw invalid("name of \(label)", value?.kindDescription ?? "none")
    }
    guard (1...PackLayout.nameBytesMax).contains(name.utf8.count) else {
      throw invalid(
        "name of \(label) (1 to \(PackLayout.nameBytesMax) bytes)", "one of \(name.utf8.count) bytes")
    }
    guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw invalid("name of \(label)", "one with a control character")
    }
    guard names.insert(name).inserted else {
      throw invalid("list of tensors with names of their own", "\"\(name)\" twice")
    }
    return name
  }

  private func shape(_ value: JSONValue?, _ label: String) throws(PackError) -> [Int] {
    guard let list = value?.arrayValue, (1...PackLayout.rankMax).contains(list.count) else {
      throw invalid(
        "shape of \(label) (1 to \(PackLayout.rankMax) sizes)",
        value?.arrayValue.map { "\($0.count) sizes" } ?? value?.kindDescription ?? "none")
    }
    var shape: [Int] = []
    for size in list { shape.append(try integer(size, in: 1...Int.max, "shape of \(label)")) }
    return shape
  }

  mutating func stream(
    _ value: JSONValue, _ expected: PackSchema.Stream, _ tensor: PackTensor, _ tensorIndex: Int,
    _ label: String
  ) throws(PackError) -> PackTensor.Stream {
    try require(value, keys: PackTensor.Stream.keys(hasParent: parent != nil), label)
    guard value["kind"]?.stringValue == expected.kind.rawValue else {
      throw invalid(
        "kind of the stream \(label)", value["kind"]?.stringValue.map { "\"\($0)\"" } ?? "none")
    }
    let rawBytes = try integer(value["rawBytes"], in: 1...Int.max, "rawBytes of \(label)")
    guard rawBytes == expected.rawBytes else {
      throw invalid("rawBytes of \(label) (\(expected.rawBytes) by its shape and scheme)", "\(rawBytes)")
    }
    var source = PackTensor.Stream.Source.file
    if let parent {
      switch value[PackTensor.Stream.sourceKey]?.stringValue {
      case PackTensor.Stream.Source.fileName: break
      case PackTensor.Stream.Source.parentName: return try inherited(value, expected, parent, label)
      case PackTensor.Stream.Source.differenceName: source = .difference(tensor: tensorIndex)
      default:
        throw invalid("source of \(label) (\"file\", \"parent\" or \"difference\")", "something else")
      }
    }
    let frameBytes = try integer(
      value["frameBytes"], in: 1...PackLayout.frameRawBytesMax, "frameBytes of \(label)")
    // The two bytes of a number must not be in different frames.
    guard expected.kind != .bf16 || frameBytes % 2 == 0 else {
      throw invalid("frameBytes of \(label) (an even number)", "\(frameBytes)")
    }
    let frameCount = PackLayout.frameCount(rawBytes: rawBytes, frameBytes: frameBytes)
    let first = try integer(
      value["firstFrame"], in: dataFrames.lowerBound...Int.max, "firstFrame of \(label)")
    guard
      let range = CheckedCount(first).range(count: CheckedCount(frameCount), within: dataFrames.upperBound)
    else {
      throw invalid(
        "position of \(label) among the frames from \(dataFrames.lowerBound) to before \(dataFrames.upperBound)",
        "\(frameCount) frames from \(first) on")
    }
    var stream = PackTensor.Stream(
      kind: expected.kind, rawBytes: rawBytes, frameBytes: frameBytes, firstFrame: first,
      hash: try hash(value["hash"], "hash of \(label)"),
      packedHash: try hash(value["packedHash"], "packedHash of \(label)"),
      packedBytes: frames.bytes(of: range).count)
    stream.source = source
    if source != .file { try checkDifference(stream, tensor, label) }
    try claim(stream, label)
    return stream
  }

  /// 1 an earlier stream has exactly these frames; 2 the frames are free; 3 any other overlap.
  ///
  /// Shared frames are checked once: a hostile manifest could share many frames among many tensors.
  private mutating func claim(_ stream: PackTensor.Stream, _ label: String) throws(PackError) {
    // bounded: the stream's frames are among the data frames, of which there are at most 2^27
    let offset = dataFrames.lowerBound
    let slots = stream.frames.lowerBound - offset..<stream.frames.upperBound - offset
    let owner = ownerOfFrame[slots.lowerBound]
    if owner >= 0, owners[Int(owner)].sharesStorage(with: stream) { return }  // 1
    guard ownerOfFrame[slots].allSatisfy({ $0 < 0 }) else {  // 3
      throw invalid("position of \(label)", "frames that belong to another stream")
    }
    try checkSizes(stream, label)  // 2
    for slot in slots { ownerOfFrame[slot] = Int32(owners.count) }
    owners.append(stream)
  }

  /// Compares the frames' sizes in the seek table with the stream's.
  private func checkSizes(_ stream: PackTensor.Stream, _ label: String) throws(PackError) {
    for (index, frame) in stream.frames.enumerated() {
      // bounded: a frame before the stream's last byte
      let expected = min(stream.frameBytes, stream.rawBytes - index * stream.frameBytes)
      guard frames.rawBytes[frame] == expected else {
        throw invalid(
          "size of frame \(frame) of \(label) (\(expected) bytes)",
          "\(frames.rawBytes[frame]) in the seek table")
      }
    }
  }

  private func require(_ value: JSONValue, keys: [String], _ label: String) throws(PackError) {
    guard let object = value.objectValue else { throw invalid(label, value.kindDescription) }
    for key in keys where object[key] == nil { throw invalid("member \"\(key)\" of \(label)", "none") }
    if let extra = object.keys.first(where: { !keys.contains($0) }) {
      throw invalid(label, "an unknown member \"\(extra.prefix(40))\"")
    }
  }

  private func integer(
    _ value: JSONValue?, in range: ClosedRange<Int>, _ label: String
  ) throws(PackError) -> Int {
    guard let number = value?.numberValue, number.isIntegerLiteral, let integer = number.int,
      range.contains(integer)
    else {
      let found = value?.numberValue.map { String($0.literal.prefix(40)) } ?? value?.kindDescription
      throw invalid(label, found ?? "none")
    }
    return integer
  }

  func hash(_ value: JSONValue?, _ label: String) throws(PackError) -> UInt64 {
    // Compared as text: `UInt64(_:radix:)` would also accept signs and capitals.
    guard let text = value?.stringValue, let hash = UInt64(text, radix: 16),
      ContentHash.hexadecimal(hash) == text
    else { throw invalid("\(label) (16 hexadecimal digits)", "something else") }
    return hash
  }

  func invalid(_ member: String, _ found: String) -> PackError {
    .invalid(path: path, member: member, found: found)
  }
}

extension PackTensor.Stream {
  /// Whether both have the same frames and the same decoding.
  func sharesStorage(with other: Self) -> Bool {
    firstFrame == other.firstFrame && rawBytes == other.rawBytes && frameBytes == other.frameBytes
      && hash == other.hash && packedHash == other.packedHash && (kind == .bf16) == (other.kind == .bf16)
      && source == other.source
  }
}
