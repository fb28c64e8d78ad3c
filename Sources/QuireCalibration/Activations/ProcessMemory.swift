import Foundation
package import QuireCheckpoints

/// Upper bounds of a process's memory besides its buffers, for plans.
package enum ProcessMemory {
  /// Code and data of the program and its libraries, its threads' stacks and small objects (measured: 31 MB before
  /// any work), and for each thread that runs layers the matrix library's packing buffers and what measuring the speed of
  /// the work leaves behind.
  package static func programBytes(threadCount: Int, runsLayers: Bool) -> Int {
    (40 << 20) + (runsLayers ? threadCount * (10 << 20) : 0)
  }

  /// Freed memory that the allocator keeps while `byteCount` bytes are held: a twentieth.
  package static func reserveBytes(_ byteCount: Int) -> Int { byteCount / 20 }
}

/// Sizes of a checkpoint's files that are held in memory in addition to its weights.
package struct SourceSizes: Sendable, Equatable {
  /// The tokenizer's files and the chat template, which go into a pack's manifest.
  package var tokenizerBytes = 0
  /// Bytes of a weight in memory: dequantized ones are float32.
  package var weightBytes = 2

  package init() {}

  package init(_ checkpoint: Checkpoint) {
    if checkpoint.quantizationName != nil || !checkpoint.adapters.isEmpty { weightBytes = 4 }
    tokenizerBytes = checkpoint.tokens?.byteCount ?? 0
    for name in ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"] {
      let attributes = try? FileManager.default.attributesOfItem(atPath: checkpoint.folder + "/" + name)
      tokenizerBytes += attributes?[.size] as? Int ?? 0
    }
  }

  /// The tokenizer's tables, and its files as JSON values and text while they are read or a manifest is written.
  package var heldBytes: Int { 12 * tokenizerBytes }
}
