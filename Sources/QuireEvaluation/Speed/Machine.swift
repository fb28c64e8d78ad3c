import Foundation
import QuireTensors

/// The machine that a measurement was made on.
package enum Machine {
  /// The processor's name as the system reports it; the architecture where it does not.
  package static var processor: String {
    field("model name", ofFile: "/proc/cpuinfo") ?? architecture
  }

  /// Bytes that can be allocated without swapping: what the system reports as available, or all memory where it
  /// does not; less where this process has a lower limit.
  package static var availableBytes: Int {
    min(systemBytes, ProcessLimits.remainingMemoryBytes ?? .max)
  }

  private static var systemBytes: Int {
    if let text = field("MemAvailable", ofFile: "/proc/meminfo"),
      let kibibytes = Int(text.prefix { $0.isNumber })
    {
      return kibibytes << 10
    }
    return Int(clamping: ProcessInfo.processInfo.physicalMemory)
  }

  /// The value of the first line "name : value".
  private static func field(_ name: String, ofFile path: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2 { return parts[1].trimmingCharacters(in: .whitespaces) }
    }
    return nil
  }

  private static var architecture: String {
    #if arch(x86_64)
      "x86_64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}
