import QuireFiles
package import QuireTensors

extension PackWriter {
  /// Appends all tensors of `pack`, decompressed and compressed again: a delta pack becomes whole, or a whole one a delta
  /// pack. The bytes are those that a conversion to the new kind of pack would have written.
  ///
  /// Every stream is compared with its hash. One tensor is in memory at a time.
  ///
  /// - Parameters:
  ///   - team: threads that decompress
  ///   - progress: called after each tensor with the bytes in memory so far and their total
  package func addTensors(
    of pack: PackReader, team: ThreadTeam?,
    progress: (_ doneBytes: Int, _ totalBytes: Int) -> Void = { _, _ in }
  ) throws(PackError) {
    let total = pack.tensors.reduce(0) { $0 + $1.rawBytes }
    var done = 0
    for tensor in pack.tensors {
      var buffers: [HostBuffer<UInt8>] = []
      for stream in tensor.streams {
        let buffer = try pack.contents(0..<stream.rawBytes, of: stream, team: team)
        guard ContentHash.of(UnsafeRawBufferPointer(buffer.bytes)) == stream.hash else {
          let part = "\(stream.kind.rawValue) of tensor \"\(tensor.name)\""
          throw .damaged(path: pack.path, part: part, found: "a wrong checksum of its contents")
        }
        buffers.append(buffer)
      }
      let streams = zip(tensor.streams, buffers).map { stream, buffer in
        PackStream(
          kind: stream.kind, bytes: UnsafeRawBufferPointer(buffer.bytes),
          rowBytes: Self.rowBytes(of: stream, in: tensor))
      }
      try addTensor(
        name: tensor.name, shape: tensor.shape, scheme: tensor.scheme, group: tensor.group, streams: streams)
      withExtendedLifetime(buffers) {}
      done += tensor.rawBytes
      progress(done, total)
    }
  }

  /// Bytes of the unit that frames end on: a panel of integers, a row of a table of floats, a whole list.
  private static func rowBytes(of stream: PackTensor.Stream, in tensor: PackTensor) -> Int {
    guard tensor.shape.count > 1 else { return stream.rawBytes }
    switch stream.kind {
    case .codes, .scales, .zeros:
      return stream.rawBytes / QuantizedMatrix.panelCount(rows: tensor.shape[0])
    case .bf16, .raw:
      return stream.rawBytes / tensor.shape[0]
    }
  }
}
