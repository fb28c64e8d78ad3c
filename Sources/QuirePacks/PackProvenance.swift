package import QuireJSON

/// The recipe that a pack was made from.
package struct PackRecipe: Sendable, Equatable {
  package let name: String
  package let text: String
  package let stepCount: Int

  package init(name: String, text: String, stepCount: Int) {
    self.name = name
    self.text = text
    self.stepCount = stepCount
  }

  /// nil for an invalid one.
  init?(json: JSONValue) {
    guard let name = json["name"]?.stringValue, let text = json["text"]?.stringValue else { return nil }
    self.init(name: name, text: text, stepCount: json["steps"]?.count.value ?? 0)
  }

  package var json: JSONValue { ["name": .string(name), "text": .string(text), "steps": .int(stepCount)] }
}

/// The origin of a pack.
package struct PackProvenance: Sendable, Equatable {
  /// A file that the pack was made from.
  package struct Source: Sendable, Equatable {
    package let file: String
    package let byteCount: Int
    /// What the hash covers: `xxh64` or `xxh64-of-tensors`, see `Format.md`.
    package let algorithm: String
    package let hash: String

    package init(file: String, byteCount: Int, algorithm: String, hash: String) {
      self.file = file
      self.byteCount = byteCount
      self.algorithm = algorithm
      self.hash = hash
    }
  }

  /// The text that steps were calibrated on.
  package enum Calibration: Sendable, Equatable {
    case windows(source: String, windowCount: Int, tokenCount: Int, seed: UInt64)
    /// A statistics file, with the texts that it names.
    case statistics(hash: String, tokenCount: Int, texts: [JSONValue])
  }

  package let toolVersion: String
  package let sources: [Source]
  package let calibration: Calibration?

  package init(toolVersion: String, sources: [Source], calibration: Calibration?) {
    self.toolVersion = toolVersion
    self.sources = sources
    self.calibration = calibration
  }

  package var json: JSONValue {
    [
      "tool": "quire", "version": .string(toolVersion),
      "sources": .array(
        sources.map {
          ["file": .string($0.file), "bytes": .int($0.byteCount), $0.algorithm: .string($0.hash)]
        }),
      "calibration": calibration?.json ?? .null,
    ]
  }
}

extension PackProvenance.Calibration {
  fileprivate var json: JSONValue {
    switch self {
    case .windows(let source, let windowCount, let tokenCount, let seed):
      [
        "source": .string(source), "windows": .int(windowCount), "tokens": .int(tokenCount),
        "seed": .int(seed),
      ]
    case .statistics(let hash, let tokenCount, let texts):
      ["source": "statistics", "hash": .string(hash), "tokens": .int(tokenCount), "texts": .array(texts)]
    }
  }
}
