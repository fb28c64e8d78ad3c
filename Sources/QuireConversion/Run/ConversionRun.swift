import QuireCalibration
import QuireOptimization
import QuireFiles
import Foundation
import QuireCheckpoints
import QuireModel
import QuirePacks
import QuireTensors
import QuireText

/// One conversion in progress: part after part (the embedding, each layer, final norm and lm_head) is optimized,
/// written and noted in the pack's journal; then the manifest completes the pack.
final class ConversionRun {
  /// Files of an earlier run at the output path.
  let start: RunStart

  private let converter: Converter
  private let path: String
  private let resumes: Bool
  private let resumable: ResumableRun
  private let writer: PackWriter
  private let meter: ProgressMeter
  private var record: ConversionRecord
  private var activations: CalibrationRun?
  private var times = ConversionTimes()
  /// Of the checkpoint's files when the conversion began.
  private let stamps: String

  private var loader: LayerLoader { converter.loader }
  private var optimizer: LayerOptimizer { converter.optimizer }
  private var tables: SourceTables { SourceTables(loader: loader, rotation: optimizer.rotation) }
  private var layerCount: Int { loader.configuration.layerCount }
  private var layersDone: Int { min(layerCount, max(0, writer.notes.count - 1)) }

  /// Opens the pack and finds which parts an earlier run has finished.
  init(
    _ converter: Converter, output path: String, resumes: Bool, parent: PackReader?,
    progress: ((ConversionProgress) -> Void)?
  ) throws(ConversionError) {
    self.converter = converter
    self.path = path
    self.resumes = resumes
    stamps = try wrapping(ConversionError.checkpoint, try converter.loader.checkpoint.fileStamps())
    let unfinished = UnfinishedFiles(of: path)
    resumable = ResumableRun(
      work: .conversion, unfinished: unfinished, parts: UnfinishedFiles.Part.ofConversion,
      basis: UnfinishedFiles.Part.ofSurvey)
    var key = try converter.conversionKey()
    if let parent { key.add(parent) }
    writer = try wrapping(
      ConversionError.pack,
      try PackWriter(
        path: path, team: converter.compute.team, resumeKey: resumes ? key.text : nil, parent: parent))
    meter = ProgressMeter(converter.plan, report: progress)
    record = ConversionRecord(
      recipe: converter.optimizer.recipe, checkpoint: converter.plan.source, float32: converter.float32)
    let notes = writer.notes.compactMap(ConversionNote.init)
    let done = min(converter.loader.configuration.layerCount, notes.count - 1)
    let areReadable = notes.count == writer.notes.count
    var found: CalibrationRun?
    start = try resumable.start(
      key: key, discardedKey: writer.discardedKey, noted: writer.notes.isEmpty ? nil : done,
      isReadable: areReadable
    ) {
      switch Self.states(converter, after: done, notes, unfinished) {
      case .unneeded: return true
      case .lost: return false
      case .found(let run):
        found = run
        return true
      }
    }
    activations = found
    if found == nil { unfinished.remove([.states]) }
    if found?.followsUnpruned != true { unfinished.remove([.unprunedStates]) }
    if !resumes { unfinished.remove(UnfinishedFiles.Part.ofSurvey) }
    if case .layers = start.found {
      adopt(notes)
    } else {
      try wrapping(ConversionError.pack, try writer.restart())
    }
  }

  /// Takes over the parts that an earlier run has finished.
  private func adopt(_ notes: [ConversionNote]) {
    for (index, note) in notes.enumerated() {
      loader.hashes?.adopt(note.tensorHashes)
      record.add(note.record, layer: (1...max(1, layerCount)).contains(index) ? index - 1 : nil)
    }
    meter.resume(after: start, layersDone: layersDone)
  }

  /// Converts the remaining parts. An error in the checkpoint's numbers would occur again, so no unfinished files
  /// are kept after one.
  func perform() throws(ConversionError) -> ConversionReport {
    let report = try resumable.perform { () throws(ConversionError) in try convertRest() }
    resumable.unfinished.remove(UnfinishedFiles.Part.ofSurvey)
    return report
  }

  private func convertRest() throws(ConversionError) -> ConversionReport {
    meter.begin(.embedding)
    if writer.notes.isEmpty { try convertEmbedding() }
    let layers = LayerQueue(loader, layers: layersDone..<layerCount)
    for index in layersDone..<layerCount {
      var layer = LayerState(
        try wrapping(ConversionError.model, try layers.next()), index: index, optimizer: optimizer,
        activations: converter.knownStatistics(layer: index) ?? activations)
      try convert(&layer)
    }
    times.reading += layers.readingSeconds
    times.waiting += layers.waitingSeconds
    meter.begin(.head)
    if writer.notes.count == layerCount + 1 { try convertTail() }
    activations = nil
    resumable.unfinished.remove([.states, .unprunedStates])
    meter.begin(.sources)
    return try finish()
  }

  /// Converts the embedding. It is released once the calibration windows have been looked up in it.
  private func convertEmbedding() throws(ConversionError) {
    let (source, embedding, part) = try convert(.embedding)
    if let calibration = converter.calibration {
      activations = try ConversionTimes.measure(&times.calibrating) { () throws(ConversionError) in
        try wrapping(
          ConversionError.calibration,
          try CalibrationRun(
            calibration, embedding: embedding,
            unprunedEmbedding: optimizer.needsReference(after: -1, layerCount: layerCount) ? source : nil,
            configuration: loader.configuration, compute: converter.compute,
            files: resumes ? CalibrationRun.Files(of: resumable.unfinished) : nil))
      }
    }
    try endPart(part, layer: nil, isAdvanced: activations != nil)
  }

  /// One layer: optimizes and writes it, and runs the windows through it for the next layer.
  private func convert(_ layer: inout LayerState) throws(ConversionError) {
    let index = layer.index
    let isNeeded = optimizer.needsActivations(after: index, layerCount: layerCount)
    try ConversionTimes.measure(&times.optimizing) { () throws(ConversionError) in
      try wrapping(ConversionError.optimization, try optimizer.optimize(&layer))
    }
    let statistics = layer.activations?.seconds ?? 0
    times.optimizing -= statistics
    times.calibrating += statistics
    try ConversionTimes.measure(&times.calibrating) { () throws(ConversionError) in
      if optimizer.needsReference(after: index, layerCount: layerCount) {
        try wrapping(
          ConversionError.calibration,
          try activations?.advanceUnpruned(past: .mlpOutput, of: layer.float))
      }
      if isNeeded {
        try wrapping(ConversionError.calibration, try activations?.advance(through: layer.weights))
      }
    }
    try ConversionTimes.measure(&times.packing) { () throws(ConversionError) in
      try wrapping(ConversionError.model, try writer.add(layer.weights, index: index))
    }
    try endPart(layer.record, layer: index, isAdvanced: isNeeded)
    meter.finishLayer()
  }

  private func convertTail() throws(ConversionError) {
    let finalNorm = try wrapping(ConversionError.model, try tables.finalNorm())
    try wrapping(ConversionError.model, try writer.add(norm: finalNorm, as: .finalNorm))
    var part = PartRecord()
    if !record.configuration.tiesEmbeddings {
      let gram =
        optimizer.calibratesHead
        ? try ConversionTimes.measure(&times.calibrating) { () throws(ConversionError) in
          try wrapping(ConversionError.calibration, try activations?.gram(afterFinalNorm: finalNorm))
        } : nil
      activations = nil
      part = try convert(.head, gram).part
    }
    try endPart(part, layer: nil, isAdvanced: false)
  }

  /// Embedding or lm_head: quantizes and writes it; returns what was read and what was written.
  ///
  /// - Parameter gram: of the matrix's inputs, where it is needed
  private func convert(_ name: TensorName, _ gram: GramMatrix? = nil) throws(ConversionError) -> (
    source: WeightMatrix, matrix: WeightMatrix, part: PartRecord
  ) {
    // The stored matrix is released once it is rotated.
    let source = try rotated(try stored(name), as: name)
    let (matrix, rounding) = try ConversionTimes.measure(&times.optimizing) { () throws(ConversionError) in
      try wrapping(ConversionError.optimization, try optimizer.quantized(source, as: name, gram))
    }
    try ConversionTimes.measure(&times.packing) { () throws(ConversionError) in
      try wrapping(ConversionError.model, try writer.add(matrix, as: name))
    }
    meter.finishTable(name)
    return (source, matrix, PartRecord(rounding: rounding.map { [$0] } ?? []))
  }

  private func stored(_ name: TensorName) throws(ConversionError) -> WeightMatrix {
    let read = times.reading
    defer { times.waiting += times.reading - read }
    return try ConversionTimes.measure(&times.reading) { () throws(ConversionError) in
      try wrapping(ConversionError.model, try tables.stored(name))
    }
  }

  private func rotated(
    _ matrix: WeightMatrix, as name: TensorName
  ) throws(ConversionError) -> WeightMatrix {
    try ConversionTimes.measure(&times.optimizing) { () throws(ConversionError) in
      try wrapping(ConversionError.model, try tables.rotated(matrix, as: name))
    }
  }

  /// Notes a finished part, after which a later run resumes. After several minutes of work the note is synced to
  /// disk, so that it also survives a loss of power.
  private func endPart(_ part: PartRecord, layer: Int?, isAdvanced: Bool) throws(ConversionError) {
    record.add(part, layer: layer)
    guard resumes else {
      return try wrapping(ConversionError.pack, try writer.endPart(note: ""))
    }
    let withUnpruned = optimizer.needsReference(after: layer ?? -1, layerCount: layerCount)
    let rowsHash =
      isAdvanced
      ? try ConversionTimes.measure(&times.calibrating) { () throws(ConversionError) in
        try wrapping(ConversionError.calibration, try activations?.seal(withUnpruned: withUnpruned))
      } : nil
    let note = ConversionNote(
      record: part, rowsHash: rowsHash, tensorHashes: loader.hashes?.takeFresh() ?? [:])
    try ConversionTimes.measure(&times.packing) { () throws(ConversionError) in
      try wrapping(
        ConversionError.pack,
        try writer.endPart(note: note.text, synchronizes: activations != nil || converter.statistics != nil))
    }
    resumable.keep()
  }

  /// What the calibration text could not give of what the recipe asks for.
  private var calibrationNotices: [String] {
    converter.calibration.map { record.recipe.calibration.notices(of: $0) } ?? []
  }

  /// Throws when the checkpoint has changed while it was converted: the pack would hold parts of both.
  private func checkSources() throws(ConversionError) {
    let checkpoint = loader.checkpoint
    guard try wrapping(ConversionError.checkpoint, try checkpoint.fileStamps()) == stamps else {
      throw .checkpointChanged(folder: checkpoint.folder)
    }
  }

  private func finish() throws(ConversionError) -> ConversionReport {
    try checkSources()
    let contents = PackContents(
      rows: record.rows(optimizer.formats, remarks: calibrationNotices), recipe: record.recipe,
      configuration: record.configuration,
      tokenizer: converter.tokenizer, checkpoint: loader.checkpoint, calibration: converter.calibration,
      statistics: converter.statistics, toolVersion: converter.toolVersion,
      tensorHashes: loader.hashes?.all ?? [:])
    try ConversionTimes.measure(&times.finishing) { () throws(ConversionError) in
      let manifest = try contents.manifest { [meter] in meter.hashed(share: $0) }
      try wrapping(
        ConversionError.pack,
        try writer.finish(manifest: manifest, shapes: contents.configuration.tensorShapes))
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    return ConversionReport(
      rows: contents.rows, configuration: contents.configuration,
      packBytes: (attributes?[.size] as? Int) ?? 0, times: times)
  }
}
