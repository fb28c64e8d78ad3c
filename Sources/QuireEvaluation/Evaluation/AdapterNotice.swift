import QuireCheckpoints
import QuireJSON
import QuireModelFiles
import QuirePacks

extension ModelSource {
  /// That a pack was made with other adapters than those merged into the reference, so that its figures count an adapter as
  /// a difference; nil where they agree, and for what does not name the files that it was made from.
  func adapterNotice(besides reference: ModelSource) throws(EvaluationError) -> String? {
    guard let sources = pack?.manifest.provenance?["sources"]?.arrayValue, !sources.isEmpty, !reference.isPack
    else { return nil }
    let own = sources.filter { $0["file"]?.stringValue?.hasSuffix(Self.adapterEnding) ?? false }
    let ownHashes = Set(own.flatMap { $0.objectValue?.members.compactMap(\.value.stringValue) ?? [] })
    let merged = try opening(reference.mergedAdapters)
    let weights = merged.flatMap { adapter in
      adapter.hashes.filter { $0.file.hasSuffix(Self.adapterEnding) }.map { (adapter.name, $0.hash) }
    }
    let hashes = Set(weights.map(\.1))
    let extra = own.first { source in
      !(source.objectValue?.members.contains { hashes.contains($0.value.stringValue ?? "") } ?? false)
    }
    if let file = extra?["file"]?.stringValue {
      return Self.adapterNotice("with", String(file.dropLast(Self.adapterEnding.count)), "without it")
    }
    return weights.first { !ownHashes.contains($0.1) }.map { Self.adapterNotice("without", $0.0, "with it") }
  }

  private static let adapterEnding = "/" + LoRAAdapter.weightsName

  /// How the notice begins, which is about an evaluation and not about the pack.
  static let adapterNoticeStart = "expected the adapters that it was made with in the reference, "

  private static func adapterNotice(_ own: String, _ name: String, _ other: String) -> String {
    adapterNoticeStart + "found the pack made \(own) \(name) and the reference "
      + "\(other); the figures count the adapter as a difference, so name the same with --adapter"
  }
}
