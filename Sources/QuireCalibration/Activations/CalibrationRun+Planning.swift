package import QuireModel
import QuireTensors

// The memory and disk space of a run, and the division of windows into batches.
extension CalibrationRun {
  /// Bytes of the temporary file of a run that cannot be resumed.
  static func temporaryBytes(_ set: CalibrationSet, _ configuration: ModelConfiguration) -> Int {
    // bounded: the set's tokens are in memory
    set.tokenCount * configuration.hiddenSize * MemoryLayout<Float>.stride
  }

  /// Bytes of the files that hold the hidden states, twice each.
  package static func diskBytes(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration, withReference: Bool = false
  ) -> Int {
    (withReference ? 2 : 1) * 2 * settings.windowCount * settings.windowTokens * configuration.hiddenSize * 4
  }

  /// Bytes that a run of these settings holds in memory; with the text's own cache blocks when it is known. With a
  /// reference there are two caches, and the activations of one are kept while the other's are computed.
  package static func byteCount(
    _ settings: CalibrationSettings, _ configuration: ModelConfiguration, withReference: Bool = false,
    set: CalibrationSet? = nil
  ) -> Int {
    let tokens = settings.windowTokens
    // Documents of one token each would take a block each; ordinary ones end in one half-filled block.
    let blocks =
      set.map { $0.windows.map(blockCount(of:)).max() ?? 0 } ?? 2
      * KeyValueCache.blockCount(positions: tokens)
    let oneLayer = configuration.replacingLayers([configuration.layers[0]])
    let kept = withReference ? configuration.maximumIntermediateSize : 0
    return (withReference ? 2 : 1) * tokens * configuration.hiddenSize * 4 + tokens * kept * 4
      + LayerRunner.workspaceBytes(configuration, maximumRows: tokens)
      + (withReference ? 2 : 1) * blocks * KeyValueCache.blockBytes(oneLayer, element: .float32)
  }

  package static func blockCount(of window: CalibrationSet.Window) -> Int {
    window.sequences.reduce(0) { $0 + KeyValueCache.blockCount(positions: $1.count) }
  }

  package static func batch(of window: CalibrationSet.Window) -> ForwardBatch {
    var nextBlock: Int32 = 0
    let slices = window.sequences.map { sequence in
      let count = Int32(KeyValueCache.blockCount(positions: sequence.count))
      defer { nextBlock += count }
      return ForwardBatch.Slice(
        rowCount: sequence.count, firstPosition: 0, blocks: Array(nextBlock..<(nextBlock + count)))
    }
    return ForwardBatch(tokens: window.sequences.flatMap { $0 }, sequences: slices, logitRows: [])
  }
}
