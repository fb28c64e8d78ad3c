/// Matrices whose parts do not fit together, and instruction sets that this CPU does not have.
package enum TensorError: Error, CustomStringConvertible, Equatable {
  case format(String)
  case instructionSet(wanted: String, supported: [String])

  package var description: String {
    switch self {
    case .format(let sentence):
      sentence
    case .instructionSet(let wanted, let supported):
      "QUIRE_ISA: expected an instruction set of this CPU, found \(wanted); choose one of \(supported.joined(separator: ", "))"
    }
  }
}
