import QuireModel
import QuireCheckpoints
import QuireFiles
import QuireTensors

/// Merges statistics of one checkpoint on several texts, as if all texts had been run together.
///
///     let merger = try StatisticsMerger(paths: ["a.safetensors", "b.safetensors"])
///     try merger.run(output: "c.safetensors", toolVersion: "0.1")
package struct StatisticsMerger {
  private let files: [StatisticsFile]

  /// Throws when the files are not of one checkpoint.
  package init(paths: [String]) throws(CalibrationError) {
    var files: [StatisticsFile] = []
    for path in paths {
      let file = try StatisticsFile(path: path)
      if let first = files.first { try Self.check(file, matches: first) }
      files.append(file)
    }
    self.files = files
  }

  private static func check(
    _ file: StatisticsFile, matches first: StatisticsFile
  ) throws(CalibrationError) {
    guard file.layout == first.layout else {
      throw .statistics(
        path: file.path,
        problem:
          "is of a model of another shape than \(first.path): expected \(StatisticsFile.shape(first.layout)), "
          + "found \(StatisticsFile.shape(file.layout)); merge files of one checkpoint")
    }
    guard file.origin.checkpoint == first.origin.checkpoint else {
      throw .statistics(
        path: file.path,
        problem: "was collected on other weights than \(first.path); merge files of one checkpoint")
    }
  }

  /// The texts of all files. All shards of a text are that text.
  package var texts: [StatisticsOrigin.Text] { StatisticsOrigin.joined(files.flatMap(\.origin.texts)) }

  /// Texts that are counted more than once, or may be, and those that are not complete; a sentence each.
  package var notes: [String] {
    let texts = texts
    let repeated: [String] = texts.indices.compactMap { index in
      guard let other = texts[..<index].first(where: texts[index].overlaps) else { return nil }
      return texts[index].hash == other.hash
        ? "\(texts[index].sentence), are there twice and count double; merge each file once"
        : "\(texts[index].sentence), may share windows with \(other.sentence); collect with another --seed"
    }
    return repeated + StatisticsOrigin.missingShards(texts)
  }

  /// The plan as text.
  package var text: String {
    (["merging \(texts.reduce(0) { $0 + $1.tokens }) tokens"] + texts.map { "  " + $0.sentence }
      + ["file: \(ByteText.of(files[0].layout.byteCount))"]).joined(separator: "\n")
  }

  /// Writes the merged file at `path`, where it appears once it is complete; it may replace one of the inputs.
  ///
  /// - Parameter progress: tensors done, and their total
  package func run(
    output path: String, toolVersion: String, progress: (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(CalibrationError) {
    let layout = files[0].layout
    try StatisticsRoom(path: path, layout).check()
    let writer = try StatisticsWriter(
      path: path, layout: layout,
      origin: StatisticsOrigin(
        checkpoint: files[0].origin.checkpoint, texts: texts, toolVersion: toolVersion))
    let entries = layout.entries
    for (index, entry) in entries.enumerated() {
      progress(index, entries.count)
      try writer.add(try merged(entry, count: layout.count(of: entry)))
    }
    try writer.finish()
    progress(entries.count, entries.count)
  }

  /// Takes the maximum of maxima; all else are means over tokens, averaged in float64 weighted by their tokens.
  private func merged(
    _ entry: StatisticsLayout.Entry, count: Int
  ) throws(CalibrationError) -> HostBuffer<Float> {
    let sums = HostBuffer<Double>(count: count)
    let isLargest =
      switch entry {
      case .part(.maxima, _, _), .part(.deviation, _, _): true
      case .part, .square: false
      }
    for file in files {
      let tokens = Double(file.origin.tokenCount)
      try file.read(entry) { values in
        let sums = sums.pointer
        for index in 0..<count {
          let value = Double(values[index])
          sums[index] = isLargest ? max(sums[index], value) : sums[index] + tokens * value
        }
      }
    }
    let divisor = isLargest ? 1 : Double(files.reduce(0) { $0 + $1.origin.tokenCount })
    let result = HostBuffer<Float>(count: count)
    for index in 0..<count { result.pointer[index] = Float(sums.pointer[index] / divisor) }
    return result
  }
}
