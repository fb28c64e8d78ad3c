import QuireConversion

/// The rows of an evaluation before anything is measured.
struct RowPlan {
  /// One row to be measured.
  struct Entry {
    enum Source {
      case existing(Subject)
      /// The recipe holds the steps up to this row's.
      case conversion(Recipe, checkpoint: String)
    }

    let step: String
    let recipe: String?
    let source: Source

    var label: String { EvaluationRow(step: step, recipe: recipe).label }
  }

  /// What rows are compared with.
  let reference: Subject?
  /// Whose tokenizer and configuration the evaluation goes by.
  let model: Subject
  let rows: [Entry]

  static func plan(
    model: String, recipes: [Recipe], reference: String?
  ) throws(EvaluationError) -> RowPlan {
    let subject = try Subject(path: model)
    switch subject {
    case .checkpoint:
      if reference != nil {
        throw .invalidOption(
          name: "reference",
          sentence:
            "expected no reference beside the checkpoint \(model), which is its own, found one; leave it out")
      }
      return RowPlan(
        reference: subject, model: subject,
        rows: [referenceEntry(subject)] + recipes.flatMap { steps($0, model) })
    case .pack:
      if !recipes.isEmpty {
        throw .invalidOption(
          name: "recipes",
          sentence: "expected a checkpoint's folder to carry out a recipe on, found the pack \(model); "
            + "give the checkpoint or leave the recipe out")
      }
      let origin = try subject.origin()
      let row = Entry(step: origin.step, recipe: origin.recipe, source: .existing(subject))
      guard let reference else { return RowPlan(reference: nil, model: subject, rows: [row]) }
      let other = try Subject(path: reference)
      guard case .checkpoint = other else {
        throw .invalidOption(
          name: "reference",
          sentence: "expected a checkpoint's folder as the reference, found the pack \(reference); "
            + "give the checkpoint that \(model) was made from")
      }
      return RowPlan(reference: other, model: subject, rows: [referenceEntry(other), row])
    }
  }

  private static func referenceEntry(_ subject: Subject) -> Entry {
    Entry(step: EvaluationRow.referenceStep, recipe: nil, source: .existing(subject))
  }

  private static func steps(_ recipe: Recipe, _ checkpoint: String) -> [Entry] {
    recipe.steps.indices.map { index in
      Entry(
        step: recipe.steps[index].name, recipe: recipe.name,
        source: .conversion(recipe.prefix(index + 1), checkpoint: checkpoint))
    }
  }
}
