import QuireFiles
import QuireJSON

extension PackWriter {
  /// Data that a reader would refuse must not be written.
  func checkLimits(manifestBytes: Int) throws(PackError) {
    func check(_ what: String, _ number: Int, atMost limit: Int) throws(PackError) {
      guard number > limit else { return }
      throw .unwritable(
        path: path, reason: "\(what) of \(number), more than \(limit); convert a smaller model or recipe")
    }
    try check("a manifest", manifestBytes, atMost: PackLayout.manifestRawBytesMax)
    try check("a number of tensors", tensors.count, atMost: PackLayout.tensorCountMax)
    let rawBytes = CheckedCount.sum(tensors.flatMap { $0.storedStreams.map(\.rawBytes) }).value ?? .max
    let limit = PackLayout.totalRawBytesMax(fileBytes: file.byteCount, parent?.fileBytes)
    try check("tensors", rawBytes, atMost: limit)
  }
}
