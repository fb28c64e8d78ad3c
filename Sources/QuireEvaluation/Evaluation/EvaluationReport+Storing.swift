import Foundation
import QuireCheckpoints
import QuireJSON
import QuireModel
package import QuireModelFiles
import QuirePacks

extension EvaluationReport {
  /// Stores the evaluation in a pack: each row of its manifest gets the members of this report's row after the same
  /// step, and the first one `sensitivity`, where it was measured. Weights are copied unchanged; the pack is replaced once the new one is complete.
  ///
  /// The report must be about the pack itself, or about the checkpoint and the recipe that it was made from. Throws
  /// otherwise, and when the pack cannot be read or written.
  package func store(inPack path: String) throws(EvaluationError) {
    do throws(PackError) {
      let pack = try PackReader(path: path)
      var manifest = pack.manifest
      guard let rows = measuredRows(of: pack) else {
        throw .missing(path: path, name: "steps that this report has rows for")
      }
      manifest.rows = rows
      // A link keeps pointing to the pack, which is the one that changes.
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      try PackWriter(path: file, copying: pack).finish(manifest: manifest)
    } catch {
      throw .model(error.description)
    }
  }

  /// Why an evaluation could not be stored in a pack, as the end of a sentence; nil if it could. Reads the weights of the
  /// reference, whose hashes must be those of the files that the pack was made from: the pack's first row is about them.
  ///
  /// - Parameter reference: The checkpoint to compare with; nil without one.
  package static func storingProblem(
    inPack path: String, reference: ModelSource?
  ) throws(EvaluationError) -> String? {
    let manifest: PackManifest
    do throws(PackError) { manifest = try PackReader(path: path).manifest } catch {
      throw .model(error.description)
    }
    if manifest.rows.isEmpty {
      return "expected a pack whose manifest has rows of steps, found none in \(path); leave it out"
    }
    let sources = manifest.provenance?["sources"]?.arrayValue ?? []
    guard let reference, !reference.isPack, !sources.isEmpty else { return nil }
    let hashes: [SourceHash]
    let loader = try opening { () throws(ModelFileError) in try reference.checkpoint(for: "an evaluation") }
    do throws(CheckpointError) { hashes = try loader.checkpoint.weightHashes() } catch {
      throw .model(error.description)
    }
    let known = Set(sources.flatMap { $0.objectValue?.members.compactMap(\.value.stringValue) ?? [] })
    let own = Set(hashes.map(\.hash))
    let adapter = sources.first { source in
      source["file"]?.stringValue?.hasSuffix(LoRAAdapter.weightsName) ?? false
        && !(source.objectValue?.members.contains { own.contains($0.value.stringValue ?? "") } ?? false)
    }
    if let name = adapter?["file"]?.stringValue {
      return
        "expected the reference with the adapter that \(path) was made with, found it without \(name); name its folder with "
        + "--adapter or leave --store out"
    }
    guard let other = hashes.first(where: { !known.contains($0.hash) }) else { return nil }
    return
      "expected the checkpoint that \(path) was made from as the reference, found other weights in \(other.file) of "
      + "\(reference.path); give that checkpoint or leave --store out"
  }

  /// The manifest's rows with the measurements added; nil when the report does not belong to the pack.
  private func measuredRows(of pack: PackReader) -> [JSONValue]? {
    let rows = pack.manifest.rows
    guard !rows.isEmpty else { return nil }
    let steps = rows.map { $0["step"]?.stringValue }
    let recipe = pack.manifest.recipe?.name
    var measured = [EvaluationRow?](repeating: nil, count: rows.count)
    if let own = self.rows.first(where: { $0.path == pack.path && !$0.isReference }) {
      measured[rows.count - 1] = own
    } else if let own = rowsOfRecipe(named: recipe, steps: steps.dropFirst().compactMap({ $0 })) {
      for (index, row) in own.enumerated() { measured[index + 1] = row }
    } else {
      return nil
    }
    // The manifest's first row is the checkpoint before any step.
    if measured[0] == nil { measured[0] = referenceRow }
    let materials = [
      StoredMaterial(key: "textHash", hash: method.text?.textHash, members: StoredMaterial.textMembers),
      StoredMaterial(key: "problemHash", hash: method.tasks?.problemHash, members: ["tasks", "results"]),
    ]
    var stored = zip(rows, measured).map { row, measured in
      let row = materials.reduce(row) { $1.dropped(from: $0) }
      guard let measured else { return row }
      return materials.reduce(row.merging(measured.json, keeping: ["step"])) { $1.noted(in: $0) }
    }
    // It is about the checkpoint, whose row is the first.
    if let sensitivity, measured[0] != nil, var first = stored[0].objectValue {
      first["sensitivity"] = sensitivity.withoutFolder.json
      stored[0] = .object(first)
    }
    return stored
  }

  /// The rows of the first recipe with this name and these steps, in order; nil when there is none.
  private func rowsOfRecipe(named name: String?, steps: [String]) -> [EvaluationRow]? {
    if steps.isEmpty { return [] }
    var rows: [Int: [Int: EvaluationRow]] = [:]  // recipe index, step count
    for row in self.rows where row.recipe == name {
      if case .recipe(let index, let stepCount) = row.identity { rows[index, default: [:]][stepCount] = row }
    }
    return rows.sorted { $0.key < $1.key }.lazy
      .map { $0.value.sorted { $0.key < $1.key }.map(\.value) }
      .first { $0.map(\.step) == steps }
  }
}

/// What rows of a pack were measured on. Figures of different texts or problems do not stand beside each other.
private struct StoredMaterial {
  static let textMembers = [
    "perplexity", "perplexityError", "perplexityRatio", "perplexityRatioError", "klMean", "klMeanError",
    "klP99", "klMax",
    "topOneAgreement", "topOneAgreementError",
  ]

  /// The member of a row that identifies the material.
  let key: String
  /// Of this evaluation; nil if it did not measure this.
  let hash: String?
  let members: [String]

  /// A row without figures of another material.
  func dropped(from row: JSONValue) -> JSONValue {
    guard let hash, var object = row.objectValue, object[key]?.stringValue != hash else { return row }
    for name in members + [key] { object[name] = nil }
    return .object(object)
  }

  func noted(in row: JSONValue) -> JSONValue {
    guard let hash, var object = row.objectValue else { return row }
    object[key] = .string(hash)
    return .object(object)
  }
}

extension JSONValue {
  /// Whether it is null or empty.
  fileprivate var hasNoFigures: Bool { isNull || self == .array([]) || self == .object([:]) }

  /// The members of both objects; on a conflict those of `other` are used, except for the keys in `kept`.
  fileprivate func merging(_ other: JSONValue, keeping kept: [String]) -> JSONValue {
    guard var object = objectValue, let members = other.objectValue?.members else { return self }
    // The path is that of the machine that measured. What was not measured this time is kept.
    for member in members
    where member.key != "path" && !member.value.hasNoFigures
      && (!kept.contains(member.key) || object[member.key] == nil)
    {
      object[member.key] = member.value
    }
    return .object(object)
  }
}
