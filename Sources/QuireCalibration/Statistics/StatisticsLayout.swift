import QuireFiles
import QuireCheckpoints
import QuireJSON
package import QuireModel
import QuireTensors

/// The tensors of a statistics file and their order; `Statistics.md` describes them.
package struct StatisticsLayout: Sendable, Equatable {
  /// The statistics of one site.
  enum Part: String, CaseIterable {
    case gram, means, maxima, deviation

    /// Elements for a site of `width` inputs.
    func count(width: Int) -> Int {
      switch self {
      case .gram: PackedTriangle.count(order: width)
      case .means, .maxima: width
      case .deviation: 1
      }
    }
  }

  /// One tensor of the file.
  enum Entry: Equatable {
    case part(Part, ActivationSite, layer: Int)
    /// The mean squared length of the hidden state at the layer's input.
    case square(layer: Int)

    /// Named after the first of the model's tensors that read these inputs.
    var name: String {
      switch self {
      case .part(let part, let site, let layer):
        TensorName.layer(layer, site.readers[0]).string + "." + part.rawValue
      case .square(let layer): TensorName.layer(layer, .inputNorm).string + ".square"
      }
    }
  }

  /// Inputs of each site, layer by layer.
  let widths: [[ActivationSite: Int]]

  /// The hashes of the header and of every tensor, the file's last tensor.
  static let hashesName = "hashes"

  package init(_ configuration: ModelConfiguration) {
    widths = configuration.layers.map { shape in
      Dictionary(
        uniqueKeysWithValues: ActivationSite.allCases.map { ($0, $0.width(in: shape, configuration)) })
    }
  }

  /// The layout that a file's tensors seem to follow; whether they do is decided by comparing `tensors`. Nil where
  /// a width is missing, or so large that the sizes below would overflow.
  init?(_ records: [TensorRecord]) {
    let shapes = Dictionary(uniqueKeysWithValues: records.map { ($0.name, $0.shape) })
    var widths: [[ActivationSite: Int]] = []
    var bytes = CheckedCount(0)
    while shapes[Entry.square(layer: widths.count).name] != nil {
      var layer: [ActivationSite: Int] = [:]
      for site in ActivationSite.allCases {
        let shape = shapes[Entry.part(.means, site, layer: widths.count).name]
        guard let width = shape?.first, shape?.count == 1, width > 0 else { return nil }
        layer[site] = width
        bytes +=
          CheckedCount.product([8, width, width]) + CheckedCount.product([8, width]) + CheckedCount(64)
      }
      widths.append(layer)
    }
    guard bytes.value != nil, !widths.isEmpty else { return nil }
    self.widths = widths
  }

  /// In the order of the file.
  var entries: [Entry] {
    widths.indices.flatMap { layer in
      [.square(layer: layer)]
        + ActivationSite.allCases.flatMap { site in Part.allCases.map { .part($0, site, layer: layer) } }
    }
  }

  func count(of entry: Entry) -> Int {
    switch entry {
    case .part(let part, let site, let layer): part.count(width: widths[layer][site] ?? 0)
    case .square: 1
    }
  }

  /// All tensors of the file.
  var tensors: [SafetensorsWriter.Tensor] {
    let entries = entries
    return entries.map { .init(name: $0.name, element: .float32, shape: [count(of: $0)]) }
      + [.init(name: Self.hashesName, element: .uint64, shape: [entries.count + 1])]
  }

  // bounded: `init(_:)` has computed more than each of these sums; a model in memory is smaller
  /// Bytes of all tensors and of the header, a few kilobytes per layer.
  package var byteCount: Int { tensors.reduce(0) { $0 + $1.byteCount } }
  /// Bytes of the largest layer's statistics in memory, squares instead of triangles.
  package var layerBytes: Int {
    widths.map { $0.values.reduce(0) { $0 + 4 * $1 * $1 } }.max() ?? 0
  }
  /// Bytes of the largest tensor.
  package var largestBytes: Int {
    4 * (widths.flatMap(\.values).map { PackedTriangle.count(order: $0) }.max() ?? 0)
  }
}
