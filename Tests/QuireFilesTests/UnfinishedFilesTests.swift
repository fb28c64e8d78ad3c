import Foundation
import QuireFiles
import TestSupport
import Testing

@Suite struct UnfinishedFilesTests {
  private let folder = TemporaryFolder()
  private var unfinished: UnfinishedFiles { UnfinishedFiles(of: folder.path + "/model.quire") }

  private func lay(_ parts: [UnfinishedFiles.Part]) {
    for part in parts { folder.write([1], to: "model.quire" + part.rawValue) }
  }

  private var names: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
  }

  /// Names that older versions have left lie on people's disks.
  @Test func namesStayAsTheyAre() {
    #expect(
      UnfinishedFiles.Part.allCases.map(\.rawValue) == [
        ".partial", ".journal.partial", ".rows.partial", ".reference.partial", ".survey.partial",
        ".survey.rows.partial", ".survey.probes.rows.partial",
      ])
    #expect(
      UnfinishedFiles.Part.allCases == UnfinishedFiles.Part.ofConversion + UnfinishedFiles.Part.ofSurvey)
    #expect(unfinished.path(of: .contents) == AtomicFile.temporaryPath(for: folder.path + "/model.quire"))
  }

  @Test func whatIsThereIsFoundAndRemoved() {
    #expect(unfinished.found.isEmpty)
    lay([.survey, .contents, .states])
    folder.write([1], to: "model.quire")
    folder.write([1], to: "model.quire.other")
    #expect(unfinished.found == [.contents, .states, .survey])
    unfinished.remove([.states, .trialStates])
    #expect(unfinished.found == [.contents, .survey])
    unfinished.remove(UnfinishedFiles.Part.allCases)
    #expect(names == ["model.quire", "model.quire.other"], "nothing else is touched")
  }

  @Test func aRunThatEndsKeepsWhatCanBeResumed() {
    lay(UnfinishedFiles.Part.ofConversion + [.survey])
    let run = unfinished
    run.keep(UnfinishedFiles.Part.ofConversion)
    run.settle(UnfinishedFiles.Part.ofConversion)
    #expect(run.found.count == 5)
    run.dispose(UnfinishedFiles.Part.ofConversion)
    run.settle(UnfinishedFiles.Part.ofConversion)
    #expect(run.found == [.survey])
  }

  /// A dangling link under the name would be in the way of the next run.
  @Test func linksAreSeenAndRemovedThemselves() throws {
    let target = folder.write([1], to: "target")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/model.quire.partial", withDestinationPath: target)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/model.quire.rows.partial", withDestinationPath: folder.path + "/gone")
    #expect(unfinished.found == [.contents, .states])
    unfinished.remove(UnfinishedFiles.Part.allCases)
    #expect(names == ["target"])
  }
}
