import Foundation

/// The peak memory of this process since `reset`: the high-water mark of its resident set.
package enum PeakMemory {
  /// Starts a new measurement from what is resident now. False where the system cannot do this: `bytes` would then
  /// include earlier peaks.
  package static func reset() -> Bool {
    // "5" resets the mark (proc_pid_clear_refs(5), Linux 4.0 and later).
    guard let file = fopen("/proc/self/clear_refs", "w") else { return false }
    let isWritten = fputs("5\n", file) >= 0
    return fclose(file) == 0 && isWritten
  }

  /// Bytes, or nil where the system does not report them.
  package static var bytes: Int? {
    guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    return bytes(status: status)
  }

  /// Finds the line `VmHWM:   123456 kB`.
  package static func bytes(status: String) -> Int? {
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
    let words = line?.split(whereSeparator: { $0 == " " || $0 == "\t" })
    guard let words, words.count == 3, words[2] == "kB" else { return nil }
    return Int(words[1]).map { 1024 * $0 }
  }
}
