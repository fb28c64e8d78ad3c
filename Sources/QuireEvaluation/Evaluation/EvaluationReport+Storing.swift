import Foundation
import QuireCheckpoints
package import QuireJSON
import QuireModel
package import QuireModelFiles
import QuirePacks
import QuireTensors

extension EvaluationReport {
  /// Stores the evaluation in a pack: each row of its manifest gets the members of this report's row after the same
  /// step, and the first one `sensitivity`, where it was measured. Weights are copied unchanged; the pack is replaced once the new one is complete.
  ///
  /// The report must be about the pack itself, or about the checkpoint and the recipe that it was made from. Throws
  /// otherwise, and when the pack cannot be read or written.
  ///
  /// - Returns: which earlier figures the pack no longer has, because they do not fit the new ones; a sentence each.
  @discardableResult
  package func store(inPack path: String) throws(EvaluationError) -> [String] {
    do throws(PackError) {
      let pack = try PackReader(path: path)
      var manifest = pack.manifest
      guard let (rows, dropped) = measuredRows(of: pack) else {
        throw .missing(path: path, name: "steps that this report has rows for")
      }
      manifest.rows = rows
      // A link keeps pointing to the pack, which is the one that changes.
      let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
      try PackWriter(path: file, copying: pack).finish(manifest: manifest)
      return dropped.map { "\(path) no longer has figures of \($0)" }
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

  /// The manifest's rows with the measurements added, and what the dropped figures were measured with; nil when the report
  /// does not belong to the pack.
  private func measuredRows(of pack: PackReader) -> (rows: [JSONValue], dropped: [String])? {
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
    var dropped: [String] = []
    var stored = zip(rows, measured).map { row, measured in
      let kept = StoredRow(row).keeping(measured, method)
      dropped += kept.dropped.filter { !dropped.contains($0) }
      guard let measured else { return kept.json }
      let materials = StoredMaterial.of(method)
      return materials.reduce(kept.json.merging(measured, keeping: ["step"])) { $1.noted(in: $0) }
    }
    // It is about the checkpoint, whose row is the first.
    if let sensitivity, measured[0] != nil, var first = stored[0].objectValue {
      first["sensitivity"] = sensitivity.withoutFolder.json
      stored[0] = .object(first)
    }
    return (stored, dropped)
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

extension EvaluationReport {
  /// Rows of a pack's manifest without what is about the file that was measured, for a pack that is written in another way:
  /// the size on disk and the parts of a delta pack's size, which the last row may have.
  package static func rowsWithoutFile(_ rows: [JSONValue]) -> [JSONValue] {
    guard let last = rows.last, var object = last.objectValue,
      last["row"]?.stringValue != EvaluationRow.referenceStep
    else { return rows }
    // An evaluation puts the size on disk where a conversion has that of the weights.
    if let bytes = object["weightBytes"] {
      object["sizeBytes"] = bytes
      object["weightBytes"] = nil
    }
    object["notes"] = StoredRow(last).notes
    return rows.dropLast() + [.object(object)]
  }
}

/// A row of a pack's manifest.
private struct StoredRow {
  let json: JSONValue
  /// What the figures were measured with that were left out.
  private(set) var dropped: [String] = []

  init(_ json: JSONValue) { self.json = json }

  private init(_ json: JSONValue, dropped: [String]) {
    self.json = json
    self.dropped = dropped
  }

  /// Without the figures that do not fit those of an evaluation, and the notes that are not of the conversion.
  func keeping(_ measured: EvaluationRow?, _ method: EvaluationMethod) -> StoredRow {
    var materials = StoredMaterial.of(method)
    if let measured { materials.append(.cache(measured.cacheType.rawValue)) }
    var row = json
    var names: [String] = []
    for material in materials where material.differs(from: row) {
      if material.hasFigures(in: row) { names.append(material.name(in: row)) }
      row = material.dropped(from: row)
    }
    if let measured, var object = row.objectValue {
      object["notes"] = notes(of: measured)
      row = .object(object)
    }
    return StoredRow(row, dropped: names)
  }

  /// The notes of the conversion; nil without any.
  var notes: JSONValue? {
    let kept = ownNotes
    return kept.isEmpty ? nil : .array(kept.map { .string($0) })
  }

  /// The notes of the conversion, or of the evaluation's own one, then what this evaluation says of its reference; nil
  /// without any.
  private func notes(of measured: EvaluationRow) -> JSONValue? {
    let own = ownNotes
    let new = measured.notes.filter {
      own.isEmpty
        ? !$0.hasPrefix(ModelSource.deltaNoticeStart) : $0.hasPrefix(ModelSource.adapterNoticeStart)
    }
    return own.isEmpty && new.isEmpty ? nil : .array((own + new).map { .string($0) })
  }

  /// Without the parts of a delta pack's size, which the pack has only as it is stored now, and without what an evaluation
  /// said of its reference.
  private var ownNotes: [String] {
    let starts = [ModelSource.deltaNoticeStart, ModelSource.adapterNoticeStart]
    return (json["notes"]?.arrayValue ?? []).compactMap(\.stringValue)
      .filter { note in !starts.contains(where: note.hasPrefix) }
  }
}

/// What rows of a pack were measured on. Figures of different texts, problems or caches do not stand beside each other.
private struct StoredMaterial {
  private static let textMembers = [
    "perplexity", "perplexityError", "perplexityRatio", "perplexityRatioError", "klMean", "klMeanError",
    "klP99", "klMax", "topOneAgreement", "topOneAgreementError",
  ]
  private static let taskMembers = ["tasks", "results"]
  private static let speedMembers = [
    "promptTokensPerSecond", "promptTokensPerSecondError", "decodeTokensPerSecond",
    "decodeTokensPerSecondError",
  ]

  /// The member of a row that identifies the material.
  let key: String
  /// Of this evaluation.
  let value: String
  let members: [String]
  private let name: String

  private init(_ name: String, _ key: String, _ value: String, _ members: [String]) {
    self.name = name
    self.key = key
    self.value = value
    self.members = members
  }

  /// The text and the problems, as far as they were measured.
  static func of(_ method: EvaluationMethod) -> [StoredMaterial] {
    let text = method.text.map { StoredMaterial("another text", "textHash", $0.textHash, textMembers) }
    let tasks = method.tasks.map {
      StoredMaterial("other problems", "problemHash", $0.problemHash, taskMembers)
    }
    return [text, tasks].compactMap(\.self)
  }

  /// The type of keys and values in the cache, on which all but the sizes depend.
  static func cache(_ type: String) -> StoredMaterial {
    StoredMaterial(
      "another cache", "kvCache", type,
      textMembers + taskMembers + speedMembers + ["textHash", "problemHash"])
  }

  func name(in row: JSONValue) -> String {
    guard key == "kvCache", let type = row[key]?.stringValue else { return name }
    return "the \(type) cache"
  }

  func differs(from row: JSONValue) -> Bool { row[key]?.stringValue != value }

  func hasFigures(in row: JSONValue) -> Bool {
    members.contains { name in row[name].map { !$0.hasNoFigures } ?? false }
  }

  /// A row without figures of another material.
  func dropped(from row: JSONValue) -> JSONValue {
    guard var object = row.objectValue else { return row }
    for name in members + [key] { object[name] = nil }
    return .object(object)
  }

  func noted(in row: JSONValue) -> JSONValue {
    guard var object = row.objectValue else { return row }
    object[key] = .string(value)
    return .object(object)
  }
}

extension JSONValue {
  /// Whether it is null or empty.
  fileprivate var hasNoFigures: Bool { isNull || self == .array([]) || self == .object([:]) }

  /// The row with what was measured; on a conflict that is used, except for the keys in `kept`.
  fileprivate func merging(_ measured: EvaluationRow, keeping kept: [String]) -> JSONValue {
    guard var object = objectValue, let members = measured.json.objectValue?.members else { return self }
    // The path is that of the machine that measured; notes are chosen before. What was not measured this time is kept.
    for member in members
    where member.key != "path" && member.key != "notes" && !member.value.hasNoFigures
      && (!kept.contains(member.key) || object[member.key] == nil)
    {
      object[member.key] = member.value
    }
    return .object(object)
  }
}
