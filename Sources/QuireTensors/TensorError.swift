/// What can go wrong on the floor of tensors: files that cannot be mapped and matrices whose parts do not fit.
package enum TensorError: Error, CustomStringConvertible, Equatable {
  case file(path: String, reason: String)
  case format(String)
  case instructionSet(wanted: String, supported: [String])

  package var description: String {
    switch self {
    case .file(let path, let reason):
      "cannot read \(path): \(reason)"
    case .format(let sentence):
      sentence
    case .instructionSet(let wanted, let supported):
      "instruction set \(wanted) cannot run on this CPU; choose one of \(supported.joined(separator: ", "))"
    }
  }
}
