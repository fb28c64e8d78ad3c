import Foundation
import QuireTensors

/// The environment variables that Quire reads. All of them are here; no other file looks at the environment.
///
/// | name | type | default | meaning |
/// |---|---|---|---|
/// | QUIRE_ISA | portable, avx2 or avx512 | the widest this CPU has | forces the kernels of one instruction set |
enum Environment {
  /// The instruction set to compute with; throws when QUIRE_ISA names one that cannot run here.
  static func instructionSet() throws -> InstructionSet {
    guard let name = ProcessInfo.processInfo.environment["QUIRE_ISA"], !name.isEmpty else { return .detected }
    return try InstructionSet(name: name)
  }
}

extension Arguments {
  func threadCount() throws -> Int {
    try integer("--threads", in: 1...1024) ?? ProcessInfo.processInfo.activeProcessorCount
  }

  /// The kernels and threads that the command line and the environment ask for.
  func compute() throws -> Compute {
    Compute(threadCount: try threadCount(), instructionSet: try Environment.instructionSet())
  }
}
