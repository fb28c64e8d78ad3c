import QuireConversion
import QuireModelFiles

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

    init(_ identity: RowIdentity, step: String, recipe: String?, source: Source) {
      self.identity = identity
      self.step = step
      self.recipe = recipe
      self.source = source
      label = EvaluationRow.label(step: step, recipe: recipe)
    }

    /// The row before any measurement.
    var row: EvaluationRow { EvaluationRow(identity, step: step, recipe: recipe, label: label) }
  }

  /// What the rows are compared with.
  let reference: ModelSource?
  /// The model whose tokenizer and configuration the evaluation uses.
  let model: ModelSource
  let rows: [Entry]

  static func plan(
    model: String, recipes: [Recipe], reference: String?
  ) throws(EvaluationError) -> RowPlan {
    let source = try opening { () throws(ModelFileError) in try ModelSource(path: model) }
    guard source.isPack else {
      if reference != nil {
        throw .invalidOption(
          name: "reference",
          sentence:
            "expected no reference for the checkpoint \(model), which is its own reference, "
            + "found one; leave it out")
      }
      return RowPlan(
        reference: source, model: source,
        rows: labelled(
          [referenceEntry(source)]
            + recipes.enumerated().flatMap { steps($0.element, index: $0.offset, source) }))
    }
    if !recipes.isEmpty {
      throw .invalidOption(
        name: "recipes",
        sentence: "expected a checkpoint's folder to carry out a recipe on, found the pack \(model); "
          + "give the checkpoint or leave the recipe out")
    }
    let row = Entry(
      .pack, step: source.origin.lastStep ?? EvaluationRow.unchangedStep, recipe: source.origin.recipe,
      source: .existing(source))
    guard let reference else { return RowPlan(reference: nil, model: source, rows: [row]) }
    let other = try opening { () throws(ModelFileError) in try ModelSource(path: reference) }
    guard !other.isPack else {
      throw .invalidOption(
        name: "reference",
        sentence: "expected a checkpoint's folder as the reference, found the pack \(reference); "
          + "give the checkpoint that \(model) was made from")
    }
    return RowPlan(reference: other, model: source, rows: [referenceEntry(other), row])
  }

  private static func referenceEntry(_ source: ModelSource) -> Entry {
    Entry(.reference, step: EvaluationRow.referenceStep, recipe: nil, source: .existing(source))
  }

  private static func steps(_ recipe: Recipe, index: Int, _ checkpoint: ModelSource) -> [Entry] {
    recipe.steps.indices.map { step in
      Entry(
        .recipe(index: index, stepCount: step + 1), step: recipe.steps[step].name, recipe: recipe.name,
        source: .conversion(recipe.prefix(step + 1), checkpoint: checkpoint))
    }
  }

  /// Makes labels unique: rows of one recipe with the same label get the number of the step, then rows of several
  /// recipes the number of the recipe.
  private static func labelled(_ entries: [Entry]) -> [Entry] {
    func renamed<Key: Hashable>(
      _ entries: [Entry], sharing key: (Entry) -> Key, _ suffix: (_ recipe: Int, _ stepCount: Int) -> String
    ) -> [Entry] {
      let counts = Dictionary(grouping: entries, by: key).mapValues(\.count)
      return entries.map { entry in
        guard counts[key(entry), default: 0] > 1, case .recipe(let index, let stepCount) = entry.identity
        else {
          return entry
        }
        var entry = entry
        entry.label += suffix(index, stepCount)
        return entry
      }
    }
    let byStep = renamed(entries, sharing: { [$0.label, $0.recipeIndex.map(String.init) ?? ""] }) {
      " (step \($1))"
    }
    return renamed(byStep, sharing: \.label) { recipe, _ in " (recipe \(recipe + 1))" }
  }
}

extension RowPlan.Entry {
  fileprivate var recipeIndex: Int? {
    if case .recipe(let index, _) = identity { index } else { nil }
  }
}
