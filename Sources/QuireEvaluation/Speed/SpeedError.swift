import Foundation

/// Why a speed benchmark cannot run.
package enum SpeedError: Error, CustomStringConvertible, Equatable {
  case memory(needed: SpeedMemory, available: Int)
  case positions(wanted: Int, most: Int)

  package var description: String {
    switch self {
    case .memory(let needed, let available):
      "the benchmark needs \(Self.gibibytes(needed.totalBytes)) (weights \(Self.gibibytes(needed.weightBytes)), keys and values \(Self.gibibytes(needed.cacheBytes)), workspace \(Self.gibibytes(needed.workspaceBytes)), read test \(Self.gibibytes(needed.meterBytes))), but only \(Self.gibibytes(available)) of memory are available: choose a smaller shape or scheme, fewer sequences or a shorter context"
    case .positions(let wanted, let most):
      "expected at most \(most) positions a sequence, which is what the model was made for, found \(wanted): choose a shorter context, prompt or answer"
    }
  }

  private static func gibibytes(_ bytes: Int) -> String {
    String(format: "%.1f GiB", Double(bytes) / 1_073_741_824)
  }
}
