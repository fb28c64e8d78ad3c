import Foundation
import QuireFiles
import QuireModel
import QuirePacks
import QuireText

/// Where a command writes a pack: to a file, for `-` to the standard output, or to another stream such as a named pipe.
///
/// A pack for a stream is first written to a folder for temporary files: the output is a whole pack or nothing,
/// unless the reader closes the pipe.
struct PackOutput {
  /// The file to write.
  let path: String
  let isStream: Bool
  /// Nil: the standard output, or a file.
  private let stream: StreamOutput?
  private let folder: String?

  init(_ output: String) throws {
    isStream = StreamOutput.isStream(output)
    guard isStream else {
      (path, stream, folder) = (output, nil, nil)
      return
    }
    stream = try Self.stream(output)
    let isTerminal = stream?.isTerminal ?? (isatty(STDOUT_FILENO) == 1)
    guard !isTerminal else {
      throw CommandError(
        "--output: expected a pipe or a file for \(output), found a terminal, which shows no pack; add '> FILE' or '| PROGRAM'"
      )
    }
    let temporaries = ScratchFile.temporaryFolder
    let name = "quire-" + UUID().uuidString
    let temporary = temporaries + "/" + name
    DisposableFiles.add(temporary)
    do {
      try FileManager.default.createDirectory(
        atPath: temporary, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    } catch {
      throw CommandError(
        "expected a folder for temporary files, found that none can be made in \(temporaries); set TMPDIR to a folder that can be written to"
      )
    }
    folder = temporary
    // No other pack has this name: a delta pack must not have that of its parent.
    path = temporary + "/" + name + ".quire"
  }

  private static func stream(_ output: String) throws -> StreamOutput? {
    guard output != StreamOutput.standardOutputPath else { return nil }
    return try writing(output) { () throws(FileFailure) in try StreamOutput(path: output) }
  }

  /// How the unfinished files of a pack begin.
  static let beginnings: [UnfinishedFiles.Part: FileBeginning] = Dictionary(
    uniqueKeysWithValues: UnfinishedFiles.Part.allCases.map { ($0, beginning(of: $0)) })

  private static func beginning(of part: UnfinishedFiles.Part) -> FileBeginning {
    switch part {
    case .contents: PackWriter.beginning
    case .journal, .survey: .journal
    case .states, .unprunedStates, .surveyStates, .trialStates: HiddenStates.beginning
    }
  }

  /// The name for messages, on a single line.
  var name: String { isStream ? stream?.path.visibleLine ?? "the standard output" : path.visibleLine }

  /// Writes a line in addition to the result.
  func remarkLine(_ text: String) {
    if isStream { Terminal.errorText(text.visible + "\n") } else { Terminal.remarkLine(text) }
  }

  /// Removes temporary files, also after an error.
  func cleanUp() {
    guard let folder else { return }
    try? FileManager.default.removeItem(atPath: folder)
    DisposableFiles.forget(folder)
  }

  /// Says how to read a delta pack whose parent is not next to it, where readers look for it.
  func noteParent(_ parent: PackReader?) {
    guard let parent, !isStream else { return }
    let neighbour = DiskSpace.folder(of: path) + "/" + PathText.name(of: parent.path)
    guard FileIdentity(neighbour) != FileIdentity(parent.path) else { return }
    let place = resolvedPath(parent.path).visibleLine
    showNotices([
      "the parent of \(name) is in another folder: commands that read the delta pack need --parent \(place), or a copy of it "
        + "next to the delta pack"
    ])
  }

  /// Copies the finished pack to the stream, if it is for one.
  func deliver() throws {
    guard isStream else { return }
    do {
      let file = try InputFile(path: path)
      let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
      defer { chunk.deallocate() }
      for start in stride(from: 0, to: file.byteCount, by: chunk.count) {
        let part = UnsafeMutableRawBufferPointer(rebasing: chunk.prefix(file.byteCount - start))
        try file.read(at: start, into: part)
        try write(UnsafeRawBufferPointer(part))
      }
    } catch let error as FileFailure {
      throw CommandError("expected to read the finished pack at \(path), found: \(error.reasonAndRemedy)")
    }
  }

  private func write(_ bytes: UnsafeRawBufferPointer) throws {
    guard let stream else { return Terminal.outputBytes(bytes) }
    try stream.write(bytes)
  }
}
