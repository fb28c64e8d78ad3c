/// A progress bar for each stage of a long command.
struct StageProgress {
  private let isQuiet: Bool
  private var label = ""
  private var bar: Progress?

  init(quiet: Bool) { isQuiet = quiet }

  mutating func update(_ title: String, _ done: Int, _ total: Int, note: String = "") {
    if title != label {
      bar?.close()
      label = title
      bar = Progress(title, unit: .percent, quiet: isQuiet)
    }
    bar?.update(done, of: total, note: note)
  }

  func close() { bar?.close() }
}
