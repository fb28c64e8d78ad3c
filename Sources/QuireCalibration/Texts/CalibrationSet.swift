import QuireFiles
import QuireModel
import QuireTensors
import QuireCheckpoints

/// The token windows that calibration measures activations on.
///
/// A window is one batch of the forward pass: several short documents, each attending only to itself, or one part
/// of a long one.
package struct CalibrationSet: Sendable, Equatable {
  /// One batch: sequences that start at position 0.
  package struct Window: Sendable, Equatable {
    package let sequences: [[Int32]]
    /// For each sequence, the tokens at its start that precede the last answer of a chat.
    package let promptCounts: [Int]

    package init(sequences: [[Int32]], promptCounts: [Int]? = nil) {
      self.sequences = sequences
      self.promptCounts = promptCounts ?? sequences.map { _ in 0 }
    }

    init(_ documents: [CalibrationDocument]) {
      self.init(sequences: documents.map(\.tokens), promptCounts: documents.map(\.promptCount))
    }

    package var tokenCount: Int { sequences.reduce(0) { $0 + $1.count } }
  }

  package let windows: [Window]
  /// The source of the text, for the pack's provenance.
  package let sourceName: String

  package init(windows: [Window], sourceName: String) {
    self.windows = windows
    self.sourceName = sourceName
  }

  package var tokenCount: Int { windows.reduce(0) { $0 + $1.tokenCount } }

  /// Cuts windows out of one long text, at offsets that the seed decides. No token is in two windows: a text that
  /// is too short gives fewer windows, the last of them shorter.
  ///
  /// Precondition: the text is not empty.
  static func windows(cutFrom text: [Int32], _ settings: CalibrationSettings) -> [Window] {
    precondition(!text.isEmpty, "nothing to cut")
    let length = settings.windowTokens
    let whole = text.count / length
    guard settings.windowCount <= whole else {
      return stride(from: 0, to: text.count, by: length).map {
        Window(sequences: [Array(text[$0..<min(text.count, $0 + length)])])
      }
    }
    // Windows follow each other; the remaining tokens are distributed among the gaps.
    var generator = SplitMix64(seed: settings.seed)
    let spare = text.count - settings.windowCount * length
    let gaps = (0..<settings.windowCount).map { _ in generator.next(below: spare + 1) }.sorted()
    return gaps.enumerated().map { index, gap in
      let start = index * length + gap
      return Window(sequences: [Array(text[start..<(start + length)])])
    }
  }

  /// Fills windows with whole documents in an order that the seed decides; the last one of a window is cut. Once
  /// every document has been used, the parts that were cut off follow in the same way. Nothing is used twice: a
  /// text that is too short gives fewer windows, the last of them shorter.
  ///
  /// Precondition: there is a document, and none is empty.
  static func windows(packing documents: [CalibrationDocument], _ settings: CalibrationSettings) -> [Window] {
    precondition(!documents.isEmpty && documents.allSatisfy { !$0.tokens.isEmpty }, "nothing to pack")
    var generator = SplitMix64(seed: settings.seed)
    let documents = generator.shuffled(documents)
    // A document, and where its part that is not used yet begins.
    var queue = documents.indices.map { (document: $0, start: 0) }
    var next = 0
    var windows: [Window] = []
    while windows.count < settings.windowCount, next < queue.count {
      var parts: [CalibrationDocument] = []
      var space = settings.windowTokens
      while space > 0, next < queue.count {
        let (index, start) = queue[next]
        let end = min(start + space, documents[index].tokens.count)
        if end < documents[index].tokens.count { queue.append((index, end)) }
        next += 1
        parts.append(documents[index].part(start..<end))
        space -= end - start
      }
      windows.append(Window(parts))
    }
    return windows
  }

  /// The sentence that reports a text shorter than requested; nil otherwise.
  package func shortfall(of settings: CalibrationSettings) -> String? {
    let asked = settings.windowCount * settings.windowTokens
    guard tokenCount < asked else { return nil }
    return
      "the calibration text \(sourceName) has \(tokenCount) tokens in \(windows.count) "
      + "window\(windows.count == 1 ? "" : "s"), but \(settings.windowCount) windows of \(settings.windowTokens) tokens, "
      + "\(asked) in all, were asked for; nothing is repeated, so give a "
      + "longer text for better statistics, or ask for less"
  }
}
