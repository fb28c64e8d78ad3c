import QuireFiles
import QuireCheckpoints
package import QuireModel
import QuireTensors

/// Writes a statistics file layer by layer; it appears under its name at `finish`.
///
///     let writer = try StatisticsWriter(path: "s.safetensors", layout: layout, origin: origin)
///     for layer in layers { try writer.add(grams, meanSquare: square) }
///     try writer.finish()
package final class StatisticsWriter {
  private let writer: SafetensorsWriter
  private var rest: ArraySlice<StatisticsLayout.Entry>
  private let layout: StatisticsLayout
  private var hashes: [UInt64]

  package init(
    path: String, layout: StatisticsLayout, origin: StatisticsOrigin
  ) throws(CalibrationError) {
    self.layout = layout
    rest = layout.entries[...]
    writer = try wrapping(
      CalibrationError.checkpoint,
      try SafetensorsWriter(path: path, tensors: layout.tensors, metadata: origin.metadata))
    hashes = [writer.headerHash]
  }

  /// Writes the next layer. Precondition: `grams` has every site, of the layout's width, and magnitudes.
  package func add(
    _ grams: [ActivationSite: GramMatrix], meanSquare: Double
  ) throws(CalibrationError) {
    try add([Float(meanSquare)])
    for site in ActivationSite.allCases {
      guard let gram = grams[site], let magnitudes = gram.magnitudes else {
        preconditionFailure("every site is known")
      }
      try add(PackedTriangle.pack(gram.view))
      try add(magnitudes.means)
      try add(magnitudes.maxima)
      try add([Float(gram.deviation)])
    }
  }

  private func add(_ values: [Float]) throws(CalibrationError) { try add(HostBuffer(values)) }

  /// Writes the next tensor. Precondition: it has the layout's size.
  func add(_ values: HostBuffer<Float>) throws(CalibrationError) {
    let entry = rest.popFirst()
    precondition(entry.map(layout.count) == values.count, "tensors come in the layout's order")
    let bytes = UnsafeRawBufferPointer(values.bytes)
    hashes.append(ContentHash.of(bytes))
    try wrapping(CalibrationError.checkpoint, try writer.append(bytes))
  }

  package func finish() throws(CalibrationError) {
    let table = HostBuffer(hashes.map(\.littleEndian))
    try wrapping(CalibrationError.checkpoint, try writer.append(UnsafeRawBufferPointer(table.bytes)))
    try wrapping(CalibrationError.checkpoint, try writer.finish())
  }
}
