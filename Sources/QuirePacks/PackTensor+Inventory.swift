extension Sequence<PackTensor> {
  /// How these tensors differ from exactly those of `shapes`, by name, in a few words; nil when they do not.
  func mismatch(to shapes: [String: [Int]]) -> String? {
    var missing = shapes
    for tensor in self {
      guard let shape = missing.removeValue(forKey: tensor.name) else {
        return "the tensor \"\(tensor.name)\", which the configuration does not have"
      }
      guard tensor.shape == shape else {
        return "the tensor \"\(tensor.name)\" of shape \(tensor.shape) where the configuration has \(shape)"
      }
    }
    guard let first = missing.keys.min() else { return nil }
    return "\(shapes.count - missing.count) of \(shapes.count) tensors, without \"\(first)\""
  }
}

extension PackReader {
  /// Refuses a pack that does not hold exactly the tensors of `shapes`, by name.
  package func check(shapes: [String: [Int]]) throws(PackError) {
    guard let mismatch = tensors.mismatch(to: shapes) else { return }
    throw .invalid(path: path, member: "list of the model's tensors", found: mismatch)
  }
}
