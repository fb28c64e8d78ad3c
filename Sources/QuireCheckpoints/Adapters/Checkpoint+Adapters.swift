import QuireFiles
import QuireTensors

extension Checkpoint {
  /// Whether an adapter changes a tensor.
  package func isAdapted(_ name: String) -> Bool { adapters.contains { $0.modules[name] != nil } }

  /// The tensor, or its rows `rows`, with the adapters' products added in float32.
  func adapted(_ view: TensorView, rows: Range<Int>?) throws(CheckpointError) -> TensorView {
    let name = view.name
    guard isAdapted(name) else { return view }
    let values = view.widened()
    for adapter in adapters { try adapter.add(to: values, name, rows: rows ?? 0..<view.shape[0]) }
    let bytes = UnsafeRawBufferPointer(values.bytes)
    var check = FiniteCheck(.float32)
    check.add(bytes)
    let largest = check.largestMagnitude
    let file = record(name)?.file ?? folder
    guard largest.isFinite else { throw .notFinite(file: file, name: name) }
    guard largest <= FiniteCheck.limit else { throw .tooLarge(file: file, name: name, value: largest) }
    let record = TensorRecord(
      name: name, element: .float32, shape: view.shape, file: file, range: 0..<values.byteCount)
    return TensorView(record: record, bytes: bytes, owner: values)
  }

  /// The adapters as part of what identifies a checkpoint's weights: the hashes of their files; empty without any.
  package func adapterIdentity() throws(CheckpointError) -> String {
    try adapterHashes().map { "\($0.file) \($0.hash)" }.joined(separator: "\n")
  }

  /// The hashes of the adapters' files, named after their folders.
  func adapterHashes() throws(CheckpointError) -> [SourceHash] {
    var hashes: [SourceHash] = []
    for adapter in adapters { hashes += try adapter.hashes() }
    return hashes
  }
}

extension LoRAAdapter {
  /// The hashes of its files, named after its folder.
  package func hashes() throws(CheckpointError) -> [SourceHash] {
    try paths.map { path throws(CheckpointError) in
      let (bytes, hash) = try Checkpoint.hash(path)
      return SourceHash(
        file: name + "/" + PathText.name(of: path), byteCount: bytes, algorithm: .file,
        hash: ContentHash.hexadecimal(hash))
    }
  }
}
