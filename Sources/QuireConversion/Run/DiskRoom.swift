import QuireFiles
package import QuirePacks
import QuireTensors

/// Whether a disk has room for what a command writes, which is asked before the work and not when the disk is full.
package struct DiskRoom: Sendable {
  private let leastBytes: Int
  private let mostBytes: Int
  /// Nil where the system does not say.
  private let freeBytes: Int?
  private let folder: String
  private let alternative: String

  /// - Parameters:
  ///   - folder: the folder of the pack, as sentences name it
  ///   - writtenBytes: of an earlier run's files, which are used again or removed
  ///   - isDelta: whether the pack takes matrices from a parent
  ///   - alternative: how to use another disk
  package init(
    _ plan: ConversionPlan, folder: String, freeBytes: Int?, writtenBytes: Int = 0, isDelta: Bool = false,
    alternative: String = "choose another path"
  ) {
    leastBytes = max(0, plan.leastDiskBytes(isDelta: isDelta) - writtenBytes)
    mostBytes = max(0, plan.mostDiskBytes - writtenBytes)
    self.freeBytes = freeBytes
    self.folder = folder
    self.alternative = alternative
  }

  /// For a pack with the tensors of another one.
  package init(
    rewriting tensors: [PackTensor], folder: String, freeBytes: Int?, writtenBytes: Int = 0, isDelta: Bool,
    alternative: String = "choose another path"
  ) {
    // bounded: the tensors of a pack fit into an integer together, as its reader has checked
    let least = isDelta ? 0 : tensors.reduce(0) { $0 + $1.leastPackedBytes }
    leastBytes = max(0, least - writtenBytes)
    mostBytes = max(0, tensors.reduce(0) { $0 + $1.rawBytes } - writtenBytes)
    self.freeBytes = freeBytes
    self.folder = folder
    self.alternative = alternative
  }

  /// Why the pack cannot fit; nil where it can.
  package var refusal: String? {
    guard let freeBytes, freeBytes < leastBytes else { return nil }
    return
      "expected at least \(ByteText.of(leastBytes)) of free disk space in \(folder) for the pack and its temporary files, "
      + "found \(ByteText.of(freeBytes)); free disk space or \(alternative)"
  }

  /// Why the pack may not fit, where it is not refused.
  package var warning: String? {
    guard let freeBytes, freeBytes < mostBytes, freeBytes >= leastBytes else { return nil }
    return
      "the pack and its temporary files may take up to \(ByteText.of(mostBytes)) in \(folder), which has "
      + "\(ByteText.of(freeBytes)) left; the command stops if it fills the disk"
  }

  /// For a plan; nil where there is room for everything.
  package var sentence: String? {
    guard let refusal else { return warning.map { "disk space: \($0)" } }
    return "disk space: the conversion will be refused: \(refusal)"
  }
}

extension PackTensor {
  /// The least bytes that its frames take where they are not compared with a parent.
  fileprivate var leastPackedBytes: Int {
    let scheme = WeightFormat(name: scheme, group: group)?.scheme ?? .bf16
    return scheme.leastPackedBytes(of: rawBytes)
  }
}
