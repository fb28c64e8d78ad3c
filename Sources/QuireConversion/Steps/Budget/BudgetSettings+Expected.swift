import QuireFiles
import QuireModel
import QuireOptimization
import QuireTensors

extension BudgetSettings {
  /// The rounding that the expected time is counted with before the survey: every matrix in the largest choice with which
  /// the model meets the limit. The chosen formats are a mixture of about that size. The smallest choices, with which
  /// sizes are planned, may take half the time.
  func expected(_ configuration: ModelConfiguration) throws(ConversionError) -> QuantizationSettings {
    let sizes = try sizes(configuration)
    guard decision == nil, let limit = limit.bytes(parameterCount: sizes.parameterCount) else {
      return quantization
    }
    func assignments(_ format: WeightFormat) -> [FormatAssignment] {
      sizes.open.map { matrix in
        let columns = matrix.tensor.shape(in: configuration)[1]
        let fits = (try? format.validate(columns: columns, name: matrix.tensor.string)) != nil
        return FormatAssignment(tensor: matrix.tensor, format: fits ? format : matrix.smallest.format)
      }
    }
    func byteCount(_ assignments: [FormatAssignment]) -> Int {
      assignments.reduce(sizes.fixedBytes) { sum, assignment in
        let shape = assignment.tensor.shape(in: configuration)
        return sum + self.byteCount(assignment.tensor, assignment.format, shape)
      }
    }
    var result = quantization
    result.assignments = choices.map(assignments).last { byteCount($0) <= limit } ?? result.assignments
    return result
  }
}

extension Recipe {
  /// The formats that the expected time is counted with; nil where no step rounds.
  func expectedFormats(_ configuration: ModelConfiguration) throws(ConversionError) -> TensorFormats? {
    let budget = (steps + upcoming).lazy.compactMap { $0.settings as? BudgetSettings }.first
    guard let settings = try budget?.expected(configuration) ?? quantizationAhead else { return nil }
    return try wrapping(ConversionError.optimization, try TensorFormats(settings, configuration))
  }
}
