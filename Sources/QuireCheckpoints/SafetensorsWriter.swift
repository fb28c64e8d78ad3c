import QuireFiles
import QuireJSON
package import QuireTensors

/// Writes a safetensors file tensor by tensor, without holding it in memory.
///
///     let writer = try SafetensorsWriter(
///       path: "out.safetensors", tensors: [.init(name: "logits", element: .float32, shape: [3, 151936])])
///     try writer.append(logits)       // any number of pieces, in the tensors' order
///     try writer.finish()
///
/// The file appears under its name at `finish`. One thread at a time.
package final class SafetensorsWriter {
  /// A tensor to write.
  package struct Tensor: Sendable, Equatable {
    package var name: String
    package var element: ElementType
    package var shape: [Int]

    package init(name: String, element: ElementType, shape: [Int]) {
      self.name = name
      self.element = element
      self.shape = shape
    }

    package var byteCount: Int { shape.reduce(element.byteCount, *) }
  }

  package let path: String
  /// The hash of all bytes before the first tensor.
  package let headerHash: UInt64
  private let file: AtomicFile
  private let totalBytes: Int

  /// Writes the header. Put tensors with large elements first: readers copy unaligned data.
  package init(
    path: String, tensors: [Tensor], metadata: [String: String] = [:]
  ) throws(CheckpointError) {
    self.path = path
    let header = Self.header(tensors, metadata)
    headerHash = header.withUnsafeBytes(ContentHash.of)
    totalBytes = tensors.reduce(header.count) { $0 + $1.byteCount }
    do throws(FileFailure) {
      file = try AtomicFile(path: path, beginning: .safetensors)
      file.startsWritingEarly = true
      try file.write(header)
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  /// Appends bytes of the tensors, which follow each other in the order given at the start.
  package func append(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    precondition(file.byteCount + bytes.count <= totalBytes, "no more bytes than the tensors have")
    do throws(FileFailure) {
      try file.write(bytes)
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  /// Moves the file to its name, when all tensors have been written.
  package func finish() throws(CheckpointError) {
    precondition(file.byteCount == totalBytes, "all tensors have been written")
    do throws(FileFailure) {
      try file.commit()
    } catch {
      throw .unwritable(path: path, reason: error.reasonAndRemedy)
    }
  }

  private static func header(_ tensors: [Tensor], _ metadata: [String: String]) -> [UInt8] {
    var members = JSONObject()
    if !metadata.isEmpty {
      let texts = metadata.sorted { $0.key < $1.key }
        .map { JSONObject.Member(key: $0.key, value: .string($0.value)) }
      members[SafetensorsHeader.metadataKey] = .object(JSONObject(uniqueMembers: texts))
    }
    var offset = 0
    for tensor in tensors {
      let isNew = members.appendIfNew(
        tensor.name,
        [
          "dtype": .string(tensor.element.rawValue),
          "shape": .array(tensor.shape.map { .int($0) }),
          "data_offsets": [.int(offset), .int(offset + tensor.byteCount)],
        ])
      precondition(isNew, "tensor \(tensor.name) is written once")
      offset += tensor.byteCount
    }
    var text = JSONValue.object(members).serializedBytes()
    // The data start at a multiple of 64, so that rows are aligned for readers that map the file.
    let lengthBytes = SafetensorsHeader.lengthBytes
    while (lengthBytes + text.count) % 64 != 0 { text.append(UInt8(ascii: " ")) }
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Array($0) } + text
  }
}
