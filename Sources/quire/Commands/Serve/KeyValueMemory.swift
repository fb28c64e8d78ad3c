import QuireGeneration
import QuireModel
import QuireTensors

/// The check that the memory for keys and values holds one sequence of full context.
///
/// The engine checks the same, but does not know the names of options. Before weights are loaded it is cheap.
enum KeyValueMemory {
  /// - Parameter asked: `--kv-memory` in MiB; nil when it is not given.
  static func check(
    _ options: EngineOptions, asked: Int?, _ configuration: ModelConfiguration, draft: ModelConfiguration?,
    _ arguments: Arguments
  ) throws {
    let element = options.keyValueElement
    let context = options.contextLength ?? configuration.contextPositions
    let blockBytes = options.blockBytes(configuration, draft: draft)
    // bounded: the context is at most the model's, which reading its configuration has limited
    let (needed, overflows) = KeyValueCache.blockCount(positions: context).multipliedReportingOverflow(
      by: blockBytes)
    guard overflows || needed > options.cacheBytes else { return }
    let mebibytes = needed >> 20 + (needed & ((1 << 20) - 1) == 0 ? 0 : 1)
    let smaller = element == .int8 ? "" : ", or \(arguments.spelling("--kv-cache")) int8"
    let held = options.cacheBytes / blockBytes * KeyValueCache.blockSize
    guard let asked else {
      throw CommandError(
        "\(arguments.spelling("--context")): expected at most \(held) tokens, which half of the free memory holds, found "
          + "\(context); give --kv-memory \(mebibytes) or fewer tokens\(smaller)")
    }
    throw UsageError(
      arguments.command,
      "\(arguments.spelling("--kv-memory")): expected at least \(mebibytes) MiB, which a context of \(context) tokens needs in "
        + "\(element.rawValue), found \(asked); give more, or a shorter --context\(smaller)")
  }
}
