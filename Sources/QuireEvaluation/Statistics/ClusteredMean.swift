/// A mean over tokens that are grouped in documents.
///
/// Tokens of one document are not independent, so the error is taken between documents: with sums D_k over n_k
/// tokens, mean m = ΣD/Σn and SE² = K/(K−1) · Σ(D_k − m·n_k)² / (Σn)² (the linearized ratio estimator; Cochran,
/// Sampling Techniques, ch. 6). With one value per document it is the usual standard error of a mean.
package struct ClusteredMean: Sendable, Equatable {
  private var sums: [Double]  // (document)
  private var counts: [Int]  // (document)

  package init(documentCount: Int) {
    sums = [Double](repeating: 0, count: documentCount)
    counts = [Int](repeating: 0, count: documentCount)
  }

  package mutating func add(_ value: Double, document: Int) {
    sums[document] += value
    counts[document] += 1
  }

  /// Number of values.
  package var count: Int { counts.reduce(0, +) }

  /// Precondition: at least one value.
  package var estimate: Estimate {
    let total = Double(count)
    precondition(total > 0, "the mean of nothing")
    let mean = sums.reduce(0, +) / total
    let documentCount = counts.count { $0 > 0 }
    guard documentCount > 1 else { return Estimate(value: mean, standardError: nil) }
    let squares = zip(sums, counts).reduce(0) { total, document in
      let residual = document.0 - mean * Double(document.1)
      return total + residual * residual
    }
    let correction = Double(documentCount) / Double(documentCount - 1)
    return Estimate(value: mean, standardError: (correction * squares).squareRoot() / total)
  }
}
