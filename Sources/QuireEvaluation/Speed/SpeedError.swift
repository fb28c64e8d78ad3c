import QuireFiles
import QuireTensors

/// Why a speed benchmark cannot run.
package enum SpeedError: Error, CustomStringConvertible, Equatable {
  case memory(needed: SpeedMemory, available: Int)
  case positions(wanted: Int, most: Int)

  /// Whether the options ask for what the model cannot do, on any machine.
  package var isUsage: Bool {
    if case .positions = self { true } else { false }
  }

  package var description: String {
    switch self {
    case .memory(let needed, let available):
      "expected \(ByteText.of(needed.totalBytes)) of memory for the benchmark (weights \(ByteText.of(needed.weightBytes)), keys and values \(ByteText.of(needed.cacheBytes)), workspace \(ByteText.of(needed.workspaceBytes)), read test \(ByteText.of(needed.meterBytes))), found only \(ByteText.of(available)) available; choose a smaller shape or scheme, fewer sequences or a shorter context"
    case .positions(let wanted, let most):
      "expected at most \(most) positions a sequence, which is what the model was made for, found \(wanted); choose a shorter context, prompt or answer"
    }
  }
}
