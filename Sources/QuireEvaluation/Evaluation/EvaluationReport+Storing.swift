import Foundation
import QuireJSON
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
    var stored = zip(rows, measured).map { row, measured in
      measured.map { row.merging($0.json, keeping: ["step"]) } ?? row
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

extension JSONValue {
  /// The members of both objects; on a conflict those of `other` are used, except for the keys in `kept`.
  fileprivate func merging(_ other: JSONValue, keeping kept: [String]) -> JSONValue {
    guard var object = objectValue, let members = other.objectValue?.members else { return self }
    // The path is that of the machine that measured.
    for member in members
    where member.key != "path" && (!kept.contains(member.key) || object[member.key] == nil) {
      object[member.key] = member.value
    }
    return .object(object)
  }
}
