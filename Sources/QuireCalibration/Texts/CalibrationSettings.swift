import QuireFiles
import QuireModel
import QuireCheckpoints

/// The source of the activations that calibrated steps need.
package struct CalibrationSettings: Sendable, Equatable {
  package var source: CalibrationSource
  /// The most windows: a short text gives fewer.
  package var windowCount: Int
  /// The most tokens of a window.
  package var windowTokens: Int
  package var seed: UInt64
  /// How the chats of the text are rendered.
  package var chatMode: CalibrationChatMode
  /// A statistics file to use instead of running the text, relative to the recipe's folder; trials on the whole
  /// model still run the text.
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

  /// That a mode was asked for a text that has none; nil otherwise.
  private var modeNotice: String? {
    guard chatMode != .asWritten, case .file(let path) = source, !CalibrationSource.isJSONLines(path) else {
      return nil
    }
    return
      "the mode \(chatMode.rawValue) changes nothing, because the calibration text \(path) is no file of chats; give chats as "
      + "JSON lines under a name that ends in .jsonl, or leave the mode out"
  }

  /// What the text could not give of what was asked, a sentence each.
  package func notices(of set: CalibrationSet) -> [String] {
    [set.shortfall(of: self), modeNotice].compactMap(\.self)
  }

  /// The settings with at most as many windows as the text gave.
  package func limited(to set: CalibrationSet?) -> CalibrationSettings {
    guard let set else { return self }
    var result = self
    result.windowCount = min(windowCount, set.windows.count)
    result.windowTokens = min(windowTokens, max(1, set.windows.map(\.tokenCount).max() ?? 1))
    return result
  }

  /// A path in a recipe in `folder`, relative to the current folder; `folder` is empty or ends with a slash.
  package static func resolve(_ path: String, relativeTo folder: String) -> String {
    path.hasPrefix("/") ? path : folder + path
  }
}

/// The modes in which the chats of a calibration text are rendered.
package enum CalibrationChatMode: String, Sendable, CaseIterable {
  /// An answer with reasoning is rendered in thinking mode, any other in non-thinking mode.
  case asWritten = "as-written"
  /// Chats with reasoning only.
  case thinking
  /// All chats, without their reasoning.
  case nonThinking = "non-thinking"
  /// Chats with reasoning in both modes, the others once.
  case both
}

/// A calibration text.
package enum CalibrationSource: Sendable, Equatable {
  /// The checkpoint's own `calibration.jsonl`, or the set in this module.
  case bundled
  /// A text file, or chats and texts as JSON lines when the name ends in `.jsonl` or `.JSONL`; relative to the recipe's
  /// folder.
  case file(String)

  /// Whether a file of this name holds JSON lines.
  static func isJSONLines(_ path: String) -> Bool { path.lowercased().hasSuffix(".jsonl") }
}
