import QuireCheckpoints
package import QuireModel
import QuireTensors

extension StatisticsFile {
  /// The statistics of one layer as they are in the file, to be transformed as a recipe's steps change the layer.
  package func layer(_ index: Int) -> Layer { Layer(self, index) }

  /// Input statistics of the unmodified layer's matrices in the unmodified model, transformed by the steps'
  /// changes.
  ///
  /// A step's change at one site is followed exactly. Its effect, by rounding or refitting, on the inputs of later
  /// sites and layers is not known here: that requires running the text.
  package final class Layer: ActivationStatistics {
    private let file: StatisticsFile
    private let index: Int
    private var sites: [ActivationSite: Site] = [:]

    /// The kept inputs of a site, numbered as in the file, and the divisor of each.
    private struct Site {
      var inputs: [Int]
      var divisors: [Double]

      init(width: Int) {
        inputs = Array(0..<width)
        divisors = [Double](repeating: 1, count: width)
      }

      mutating func follow(_ change: ActivationChange) {
        switch change {
        case .divided(let scales):
          precondition(scales.count == inputs.count, "a scale for each input")
          for (index, scale) in scales.enumerated() { divisors[index] *= Double(scale) }
        case .kept(let kept):
          inputs = kept.map { inputs[$0] }
          divisors = kept.map { divisors[$0] }
        }
      }
    }

    init(_ file: StatisticsFile, _ index: Int) {
      self.file = file
      self.index = index
    }

    package func grams(
      at sites: [ActivationSite], of layer: LayerWeights
    ) throws(CalibrationError) -> [ActivationSite: GramMatrix] {
      var grams: [ActivationSite: GramMatrix] = [:]
      for site in sites { grams[site] = try gram(at: site) }
      return grams
    }

    private func gram(at site: ActivationSite) throws(CalibrationError) -> GramMatrix {
      let width = width(of: site)
      let state = sites[site]
      let values = try read(.gram, site) {
        PackedTriangle.unpack(
          $0.baseAddress!, order: width, inputs: state?.inputs, divisors: state?.divisors)
      }
      let magnitudes = ActivationMagnitudes(
        means: Self.changed(try read(.means, site) { Array($0) }, state),
        maxima: Self.changed(try read(.maxima, site) { Array($0) }, state))
      return GramMatrix(
        order: state?.inputs.count ?? width, values: values, magnitudes: magnitudes,
        deviation: Double(try read(.deviation, site) { $0[0] }))
    }

    private static func changed(_ values: [Float], _ state: Site?) -> [Float] {
      guard let state else { return values }
      return zip(state.inputs, state.divisors).map { Float(Double(values[$0]) / abs($1)) }
    }

    package func meanSquare() throws(CalibrationError) -> Double {
      Double(try file.read(.square(layer: index)) { $0[0] })
    }

    /// Nothing to do: the statistics are those of the unmodified layer.
    package func advance(throughAttentionOf layer: LayerWeights) {}

    package func follow(_ change: ActivationChange, at site: ActivationSite) {
      sites[site, default: Site(width: width(of: site))].follow(change)
    }

    private func width(of site: ActivationSite) -> Int { file.layout.widths[index][site] ?? 0 }

    private func read<Result>(
      _ part: StatisticsLayout.Part, _ site: ActivationSite,
      _ body: (UnsafeBufferPointer<Float>) -> Result
    ) throws(CalibrationError) -> Result {
      try file.read(.part(part, site, layer: index), body)
    }
  }
}
