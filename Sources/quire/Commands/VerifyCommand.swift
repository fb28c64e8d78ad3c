import Foundation
import QuireFiles
import QuireModel
import QuirePacks
import QuireTensors
import QuireText

extension Command {
  static let verify = Command(
    name: "verify",
    summary:
      "Checks every byte of a pack against its checksums, and its tensors against its configuration.\n"
      + "Of a delta pack's parent it checks what the delta pack takes. - reads a pack from stdin.",
    positionals: ["PACK"], options: [.parent, .threads, .quiet],
    example: "quire verify demo.quire",
    run: runVerify)
}

private func runVerify(_ arguments: Arguments) throws {
  let pack = try PackReader(path: arguments.positionals[0])
  showNotices([pack.parentNotice].compactMap(\.self))
  let progress = Progress("verify", unit: .bytes, quiet: arguments.has("--quiet"))
  defer { progress.close() }
  if pack.manifest.configuration != nil { try pack.checkModel() }
  try pack.verify(team: arguments.compute().team) { done, total in
    progress.update(done, of: total)
  }
  let raw = pack.tensors.reduce(0) { $0 + $1.rawBytes }
  Terminal.report(
    "\(pack.path.visibleLine): sound; \(pack.tensors.count) tensors, \(ByteText.of(raw)) in \(ByteText.of(pack.fileBytes))\(pack.parent.map { " and in its parent \($0.path.visibleLine)" } ?? "")\n"
  )
}
