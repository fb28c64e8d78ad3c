import QuireFiles
import QuireModel
import QuireCheckpoints

/// Where the activations come from that `prune-heads` and its kin look at.
package struct CalibrationSettings: Sendable, Equatable {
  package var source: CalibrationSource
  /// How many stretches of text, at most: a short text gives fewer.
  package var windowCount: Int
  /// How many tokens each, at most.
  package var windowTokens: Int
  package var seed: UInt64
  /// How chats among the text are rendered.
  package var chatMode: CalibrationChatMode
  /// A file of statistics to take instead of running the text, relative to the recipe's folder; trials on the whole
  /// model still run on the text.
  package var statistics: String?

  package init(
    source: CalibrationSource = .bundled, windowCount: Int = 64, windowTokens: Int = 512, seed: UInt64 = 1,
    chatMode: CalibrationChatMode = .asWritten, statistics: String? = nil
  ) {
    self.source = source
    self.windowCount = windowCount
    self.windowTokens = windowTokens
    self.seed = seed
    self.chatMode = chatMode
    self.statistics = statistics
  }

  /// The settings with no more windows than the text has given.
  package func limited(to set: CalibrationSet?) -> CalibrationSettings {
    guard let set else { return self }
    var result = self
    result.windowCount = min(windowCount, set.windows.count)
    result.windowTokens = min(windowTokens, max(1, set.windows.map(\.tokenCount).max() ?? 1))
    return result
  }

  /// A path that a recipe in `folder` names, from the current folder; `folder` is empty or ends with a slash.
  package static func resolve(_ path: String, relativeTo folder: String) -> String {
    path.hasPrefix("/") ? path : folder + path
  }
}

/// In which of the model's modes the chats of a calibration text are shown to it.
package enum CalibrationChatMode: String, Sendable, CaseIterable {
  /// An answer with reasoning is a thinking one, any other a non-thinking one.
  case asWritten = "as-written"
  /// Chats with reasoning only.
  case thinking
  /// All chats, their reasoning left out.
  case nonThinking = "non-thinking"
  /// Chats with reasoning once in either mode, the others once.
  case both
}

/// A calibration text.
package enum CalibrationSource: Sendable, Equatable {
  /// The checkpoint's own `calibration.jsonl`, or the set that this module carries.
  case bundled
  /// A text file, or chats and texts as JSON lines when the name ends in `.jsonl`; relative to the recipe's folder.
  case file(String)
}
