/// Finds the known word that a mistyped one most likely means.
enum Suggestion {
  /// ", did you mean --recipe", or empty when no known word is similar enough.
  static func clause(for word: String, among known: [String]) -> String {
    guard let nearest = nearest(to: word, among: known) else { return "" }
    return ", did you mean \(nearest)"
  }

  /// The known word with the smallest edit distance to `word`: at most one edit per three letters.
  static func nearest(to word: String, among known: [String]) -> String? {
    let letters = Array(word.lowercased())
    let allowed = max(1, letters.filter(\.isLetter).count / 3)
    return known.map { (word: $0, slips: slips(letters, Array($0.lowercased()))) }
      .filter { $0.slips <= allowed && $0.slips < letters.count }
      .min { $0.slips < $1.slips }?.word
  }

  /// Edit distance: letters deleted, inserted, replaced or swapped with a neighbour (optimal string alignment).
  private static func slips(_ a: [Character], _ b: [Character]) -> Int {
    if a.isEmpty || b.isEmpty { return max(a.count, b.count) }
    var rows = [Array(0...b.count)]
    for i in 1...a.count {
      var row = [i]
      for j in 1...b.count {
        var best = min(
          rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
        if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
          best = min(best, rows[i - 2][j - 2] + 1)
        }
        row.append(best)
      }
      rows.append(row)
    }
    return rows[a.count][b.count]
  }
}
