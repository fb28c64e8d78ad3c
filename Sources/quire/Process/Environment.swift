import Foundation
import QuireTensors
import Synchronization

/// The environment variables that Quire reads. Besides this file only `BLASKernels` (OPENBLAS_CORETYPE) and `ScratchFile`
/// (TMPDIR) read the environment.
///
/// | name | type | default | meaning |
/// |---|---|---|---|
/// | QUIRE_ISA | portable, avx2, avxvnni, avx512, amx, dotprod or i8mm | the fastest this CPU has | forces the kernels of one instruction set |
/// | QUIRE_API_KEY | text | unset | a key that clients of `serve` must present, besides those of its options |
/// | QUIRE_SERVER_KEY | text | unset | the key that `evaluate` sends to its `--server` |
/// | QUIRE_PARENT | packs or folders, separated by commas | the folder of the delta pack | where the parents of delta packs are |
/// | OPENBLAS_CORETYPE | a name that OpenBLAS knows | what OpenBLAS chooses, but AVX2 at least | its kernels, in conversions |
/// | TMPDIR | folder | /tmp | where temporary files are, such as the hidden states of `evaluate` and a pack for stdout |
/// | COLUMNS | whole number | 80 | the width of tables and help when the output is not a terminal |
/// | NO_COLOR | anything | unset | no dim text (no-color.org) |
/// | TERM | name of a terminal | unset | `dumb`: plain lines instead of bars, no dim text, no line editing |
/// | XDG_STATE_HOME, HOME | folder | unset | the history of `chat` is `$XDG_STATE_HOME/quire/chat-history`, or `~/.local/state/quire/chat-history` |
/// | QUIRE_… | the option's value | unset | options of `serve`, see ``VariableSettings`` |
enum Environment {
  private static func value(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// The instruction set to compute with; throws when QUIRE_ISA names one that cannot run here.
  static func instructionSet() throws -> InstructionSet {
    guard let name = value("QUIRE_ISA") else { return .detected }
    return try InstructionSet(name: name)
  }

  static let columns: Int? = value("COLUMNS").flatMap(Int.init).flatMap {
    (1...100_000).contains($0) ? $0 : nil
  }
  static let wantsColor = value("NO_COLOR") == nil
  static let terminalIsCapable = value("TERM") != "dumb"

  /// The folder for files that programs keep between their runs; nil where the user has no home.
  static let stateFolder: String? =
    value("XDG_STATE_HOME").flatMap { $0.hasPrefix("/") ? $0 : nil }
    ?? value("HOME").map { $0 + "/.local/state" }

  /// The variables whose names begin with QUIRE_ and that are not empty, by name.
  static let quireVariables = ProcessInfo.processInfo.environment.filter {
    $0.key.hasPrefix(variablePrefix) && !$0.value.isEmpty
  }

  /// The paths in QUIRE_PARENT.
  static let parents: [String] =
    value("QUIRE_PARENT")?.split(separator: ",").map { String($0.trimmingPrefix(while: \.isWhitespace)) }
    ?? []

  /// The value of QUIRE_SERVER_KEY.
  static let serverKey = value("QUIRE_SERVER_KEY")

  static let variablePrefix = "QUIRE_"
  /// Variables that are not options of a command.
  static let ownVariables = ["QUIRE_ISA", "QUIRE_SERVER_KEY"]
}

extension Arguments {
  /// The number of threads: the physical cores that this process may use, or as many as `--threads` says, but at most
  /// the processors. More threads would only wait for each other, so a larger number is lowered with a notice.
  func threadCount() throws -> Int {
    let usable = ProcessLimits.processorCount
    guard let asked = try integer("--threads", in: 1...1024) else { return ProcessLimits.coreCount }
    guard asked > usable else { return asked }
    threadNotice(asked, usable)
    return usable
  }

  /// The kernels and threads by the command line and the environment.
  func compute() throws -> Compute {
    Compute(threadCount: try threadCount(), instructionSet: try Environment.instructionSet())
  }

  private func threadNotice(_ asked: Int, _ usable: Int) {
    let isNew = Self.hasNoticed.withLock { noticed in
      defer { noticed = true }
      return !noticed
    }
    guard isNew, !has("--quiet") else { return }
    Terminal.errorLine(
      "quire \(command): \(spelling("--threads")) \(asked): this process may use \(usable) \(usable == 1 ? "processor" : "processors"), so it computes with \(usable); more would be slower"
    )
  }

  private static let hasNoticed = Mutex(false)
}
