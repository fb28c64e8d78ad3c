import QuireFiles
import Foundation
package import QuireCheckpoints
import QuireModel
package import QuireTensors
package import QuireText

/// Runs a calibration text through an unmodified checkpoint layer by layer and writes the statistics of its
/// matrices' inputs.
///
///     let collector = try StatisticsCollector(checkpoint, settings, compute: compute, toolVersion: "0.1")
///     print(collector.text)
///     let notes = try collector.run(output: "s.safetensors") { print($0, "of", $1) }
///
/// Creation checks everything that can be checked without reading weights.
package struct StatisticsCollector {
  private let loader: LayerLoader
  /// The windows to run, and those of the whole text, which are the same without a shard.
  private let calibration: CalibrationSet
  private let whole: CalibrationSet
  private let shard: CalibrationShard?
  /// The requested settings, and those after the text's length is known.
  private let asked: CalibrationSettings
  private let settings: CalibrationSettings
  private let compute: Compute
  private let toolVersion: String
  private let layout: StatisticsLayout
  private let chatFormat: ChatFormatChoice

  /// - Parameters:
  ///   - folder: the start of relative paths in the settings; empty, or with a slash at its end
  ///   - shard: the part of the windows to run; nil: all
  ///   - chatFormat: the format to render chats in; nil: that of the checkpoint's template
  package init(
    _ checkpoint: Checkpoint, _ settings: CalibrationSettings, relativeTo folder: String = "",
    shard: CalibrationShard? = nil, compute: Compute, toolVersion: String,
    chatFormat: ChatFormatOverride? = nil
  ) throws(CalibrationError) {
    loader = try wrapping(CalibrationError.model, try LayerLoader(checkpoint))
    let tokenizer = try wrapping(
      CalibrationError.tokenizer, try checkpoint.tokenizer(chatFormat: chatFormat))
    self.chatFormat = tokenizer.chatFormat
    whole = try CalibrationSet(
      settings, relativeTo: folder, checkpointFolder: checkpoint.folder, configuration: loader.configuration,
      tokenizer: tokenizer)
    self.shard = shard
    calibration = if let shard { try whole.windows(of: shard) } else { whole }
    asked = settings
    self.settings = settings.limited(to: calibration)
    self.compute = compute
    self.toolVersion = toolVersion
    layout = StatisticsLayout(loader.configuration)
  }

  private var configuration: ModelConfiguration { loader.configuration }

  /// The plan as text.
  package var text: String {
    var parts = [
      ("statistics of one layer", layout.layerBytes + layout.largestBytes),
      ("calibration activations", CalibrationRun.byteCount(settings, configuration, set: calibration)),
      ("two layers of the checkpoint", 2 * configuration.largestLayerBytes),
      (
        "code and thread stacks",
        ProcessMemory.programBytes(threadCount: compute.team.threadCount, runsLayers: true)
      ),
      ("tokenizer", SourceSizes(loader.checkpoint).heldBytes),
    ]
    parts.append(
      (
        "memory that the allocator keeps free for reuse",
        ProcessMemory.reserveBytes(parts.reduce(0) { $0 + $1.1 })
      ))
    let peak = ByteText.of(parts.reduce(0) { $0 + $1.1 })
    return """
      statistics of \(CountText.of(configuration.layerCount, "layer")) on \
      \(CountText.of(calibration.windows.count, "window")) of \
      \(calibration.sourceName), \(calibration.tokenCount) tokens\(shard.map { ", shard \($0.text)" } ?? "")
      file: \(ByteText.of(layout.byteCount)); hidden states in a temporary file while it is made: \
      \(ByteText.of(CalibrationRun.temporaryBytes(calibration, configuration)))
      memory: at most \(peak) (\(parts.map { "\($0.0) \(ByteText.of($0.1))" }.joined(separator: ", ")))
      chat format: \(chatFormat.summary)
      """
  }

  /// Collects statistics and writes the file at `path`, where it appears once it is complete.
  ///
  /// - Parameter progress: layers done, and their total
  /// - Returns: notices, a sentence each
  package func run(
    output path: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(CalibrationError) -> [String] {
    try StatisticsRoom(
      path: path, layout, statesBytes: CalibrationRun.temporaryBytes(calibration, configuration)
    ).check()
    progress(0, configuration.layerCount)
    let origin = StatisticsOrigin(
      checkpoint: try StatisticsOrigin.fingerprint(loader),
      texts: [StatisticsOrigin.Text(calibration, settings, shard: shard, of: whole)], toolVersion: toolVersion
    )
    let writer = try StatisticsWriter(path: path, layout: layout, origin: origin)
    let run = try CalibrationRun(
      calibration, embedding: try wrapping(CalibrationError.model, try loader.embedding(of: configuration)),
      configuration: configuration, compute: compute)
    let layers = LayerQueue(loader, layers: 0..<configuration.layerCount)
    var notes = asked.notices(of: whole)
    for index in 0..<configuration.layerCount {
      let layer = try wrapping(CalibrationError.model, try layers.next())
      let square = try run.meanSquare()
      let grams = try run.gramsAdvancing(through: layer)
      try check(grams, layer: index, &notes)
      try writer.add(grams, meanSquare: square)
      progress(index + 1, configuration.layerCount)
    }
    try writer.finish()
    return notes
  }

  private func check(
    _ grams: [ActivationSite: GramMatrix], layer: Int, _ notes: inout [String]
  ) throws(CalibrationError) {
    for site in ActivationSite.allCases {
      guard let gram = grams[site] else { continue }
      guard gram.diagonal.allSatisfy(\.isFinite), gram.deviation.isFinite else {
        throw .notFinite(what: "the \(site.rawValue) of layer \(layer) on the calibration text")
      }
      if gram.deviation > GramCheck.limit {
        notes.append(site.doubt(layer: layer, deviation: gram.deviation))
      }
    }
  }
}

extension ModelConfiguration {
  /// In bf16.
  fileprivate var largestLayerBytes: Int {
    let parameters = layers.indices.map { layer in
      LayerTensor.allCases.reduce(0) { $0 + $1.shape(in: self, layer: layer).reduce(1, *) }
    }
    return 2 * (parameters.max() ?? 0)
  }
}
