import QuireConversion
import QuireModelFiles
import QuireTensors

/// The rows of an evaluation before anything is measured.
struct RowPlan {
  /// One row to be measured.
  struct Entry {
    enum Source {
      case existing(ModelSource)
      /// The recipe holds the steps up to this row's.
      case conversion(Recipe, checkpoint: ModelSource)
    }

    let identity: RowIdentity
    let step: String
    let recipe: String?
    let source: Source
    /// Unique among the rows once the plan is made.
    var label: String
    /// The type of keys and values in the cache.
    var cacheType = KeyValueElement.float16
    /// Whether the next row is of the same model, so that the pack of a recipe's step is used again.
    var sharesModel = false

    init(_ identity: RowIdentity, step: String, recipe: String?, label: String? = nil, source: Source) {
      self.identity = identity
      self.step = step
      self.recipe = recipe
      self.source = source
      self.label = label ?? EvaluationRow.label(step: step, recipe: recipe)
    }

    /// Whether the model has to be made first.
    var isConverted: Bool {
      if case .conversion = source { true } else { false }
    }

    /// The row before any measurement.
    var row: EvaluationRow {
      var row = EvaluationRow(identity, step: step, recipe: recipe, label: label)
      if case .existing(let source) = source { row.path = source.path }
      row.cacheType = cacheType
      return row
    }
  }

  /// What the rows are compared with.
  let reference: ModelSource?
  /// All models of rows that exist already, the reference included.
  let models: [ModelSource]
  let rows: [Entry]

  /// The model whose tokenizer and configuration the evaluation uses.
  var model: ModelSource { models[0] }

  /// - Parameters:
  ///   - models: at least one
  ///   - reference: nil: the first checkpoint among the models, if there is one
  ///   - adapters: folders of LoRA adapters, merged into every checkpoint
  ///   - cacheTypes: a row of every model but the reference for each
  static func plan(
    models paths: [String], recipes: [Recipe], reference: String?, adapters: [String] = [],
    cacheTypes: [KeyValueElement] = [.float16]
  ) throws(EvaluationError) -> RowPlan {
    func open(_ path: String) throws(EvaluationError) -> ModelSource {
      try opening { () throws(ModelFileError) in
        try ModelSource.open(path, adaptersOfCheckpoints: adapters)
      }
    }
    var models: [ModelSource] = []
    for path in paths { models.append(try open(path)) }
    let other = try reference.map { path throws(EvaluationError) in
      try self.reference(path, models, open)
    }
    let reference = other ?? models.first { !$0.isPack }
    if reference == nil, !adapters.isEmpty {
      // Refused with the sentence of every other command.
      _ = try opening { () throws(ModelFileError) in try ModelSource(path: paths[0], adapters: adapters) }
    }
    if !recipes.isEmpty, reference == nil {
      throw .invalidOption(
        name: "recipes",
        sentence: "expected a checkpoint's folder to carry out a recipe on, found the pack \(paths[0]); "
          + "give the checkpoint or leave the recipe out")
    }
    var rows: [Entry] = []
    var existing: [ModelSource] = []
    if let reference {
      rows.append(
        Entry(
          .reference, step: EvaluationRow.referenceStep, recipe: nil, source: .existing(reference)))
      // The first model's tokenizer is used, as when there is no reference.
      if !models.contains(where: { $0 === reference }) { existing.append(reference) }
    }
    existing = models + existing
    let own = models.filter { $0 !== reference }
    rows += own.enumerated().map { entry($0.element, index: $0.offset, isAlone: own.count == 1) }
    if let reference {
      rows += recipes.enumerated().flatMap { steps($0.element, index: $0.offset, reference) }
    }
    let labelled = RowLabels.unique(rows)
    return RowPlan(
      reference: reference, models: existing, rows: labelled.flatMap { $0.rows(cacheTypes) })
  }

  private static func reference(
    _ path: String, _ models: [ModelSource], _ open: (String) throws(EvaluationError) -> ModelSource
  ) throws(EvaluationError) -> ModelSource {
    if let same = models.first(where: { $0.path == path && !$0.isPack }) {
      guard models.count > 1 else {
        throw .invalidOption(
          name: "reference",
          sentence: "expected no reference for the checkpoint \(path), which is its own reference, "
            + "found one; leave it out")
      }
      return same
    }
    let source = try open(path)
    guard !source.isPack else {
      throw .invalidOption(
        name: "reference",
        sentence: "expected a checkpoint's folder as the reference, found the pack \(path); "
          + "give the checkpoint that \(models[0].path) was made from")
    }
    return source
  }

  /// Several models are named after their files, because many may have the same last step.
  private static func entry(_ source: ModelSource, index: Int, isAlone: Bool) -> Entry {
    Entry(
      index == 0 && source.isPack ? .pack : .model(index: index + 1),
      step: source.isPack ? source.origin.lastStep ?? EvaluationRow.unchangedStep : "checkpoint",
      recipe: source.origin.recipe, label: isAlone && source.isPack ? nil : source.name,
      source: .existing(source))
  }

  private static func steps(_ recipe: Recipe, index: Int, _ checkpoint: ModelSource) -> [Entry] {
    recipe.steps.indices.map { step in
      Entry(
        .recipe(index: index, stepCount: step + 1), step: recipe.steps[step].name, recipe: recipe.name,
        source: .conversion(recipe.prefix(step + 1), checkpoint: checkpoint))
    }
  }
}

extension RowPlan {
  /// A label that no other row has.
  static func label(_ label: String, besides others: [String]) -> String {
    let numbered = (2...others.count + 2).lazy.map { "\(label) (\($0))" }
    return others.contains(label) ? numbered.first { !others.contains($0) } ?? label : label
  }
}

/// Makes labels unique: rows of one recipe with the same label get the number of the step, then rows of several
/// recipes the number of the recipe, then any others a number.
private enum RowLabels {
  static func unique(_ entries: [RowPlan.Entry]) -> [RowPlan.Entry] {
    let byStep = renamed(entries, sharing: { [$0.label, $0.recipeIndex.map(String.init) ?? ""] }) {
      " (step \($1))"
    }
    var entries = renamed(byStep, sharing: \.label) { recipe, _ in " (recipe \(recipe + 1))" }
    for index in entries.indices {
      entries[index].label = RowPlan.label(entries[index].label, besides: entries[..<index].map(\.label))
    }
    return entries
  }

  private static func renamed<Key: Hashable>(
    _ entries: [RowPlan.Entry], sharing key: (RowPlan.Entry) -> Key,
    _ suffix: (_ recipe: Int, _ stepCount: Int) -> String
  ) -> [RowPlan.Entry] {
    let counts = Dictionary(grouping: entries, by: key).mapValues(\.count)
    return entries.map { entry in
      guard counts[key(entry), default: 0] > 1, case .recipe(let index, let stepCount) = entry.identity
      else { return entry }
      var entry = entry
      entry.label += suffix(index, stepCount)
      return entry
    }
  }
}

extension RowPlan.Entry {
  /// A row for each cache type, the first with the model's own identity. The reference has a float32 cache only.
  fileprivate func rows(_ cacheTypes: [KeyValueElement]) -> [RowPlan.Entry] {
    var reference = self
    reference.cacheType = .float32
    guard identity != .reference else { return [reference] }
    return cacheTypes.enumerated().map { index, type in
      var entry = RowPlan.Entry(
        index == 0 ? identity : .cache(identity, type), step: step, recipe: recipe,
        label: type == .float16 ? label : label + ", \(type.rawValue) cache", source: source)
      entry.cacheType = type
      entry.sharesModel = index < cacheTypes.count - 1
      return entry
    }
  }

  fileprivate var recipeIndex: Int? {
    if case .recipe(let index, _) = identity { index } else { nil }
  }
}
