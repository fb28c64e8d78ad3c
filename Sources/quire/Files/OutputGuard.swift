import Foundation
import QuireCalibration
import QuireCheckpoints
import QuireConversion
import QuireFiles
import QuirePacks

/// Prevents a command from destroying files: an output must not be one of the command's inputs, and replaces another
/// existing file only with `--force`.
///
///     var files = OutputGuard()
///     files.reads(model: "Qwen3-8B")
///     files.reads(recipe)
///     try files.check(output, option: "--output", replaces: arguments.has("--force"))
///
/// Register all inputs, then check the outputs, before any work. Writers check again when they rename.
struct OutputGuard {
  private struct Input {
    let path: String  // resolved
    let identity: FileIdentity?
    let role: String
  }

  private var inputs: [Input] = []
  /// Folders of checkpoints. Files with certain names count as part of a checkpoint even before they exist.
  private var checkpointFolders: [FileIdentity] = []
  private var outputs: [(path: String, option: String)] = []

  /// Registers that the command reads the file at `path`; `role` names it in messages.
  mutating func reads(_ path: String, as role: String) {
    inputs.append(Input(path: resolvedPath(path), identity: FileIdentity(path), role: role))
  }

  /// Registers that the command reads a checkpoint or a pack.
  mutating func reads(model path: String) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), isFolder.boolValue else {
      return reads(modelFile: path)
    }
    if let identity = FileIdentity(path) { checkpointFolders.append(identity) }
    let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
    for name in names where Self.belongsToCheckpoint(name) {
      reads(path + "/" + name, as: "a file of the checkpoint")
    }
    // Shards may lie in folders inside that of the checkpoint.
    for shard in Checkpoint.shardPaths(ofFolder: path) { reads(shard, as: "a file of the checkpoint") }
    // Files in or next to a checkpoint are the defaults of options. A link's folder is another than that of the
    // checkpoint that it leads to.
    for folder in [path, path + "/..", DiskSpace.folder(of: path)] { reads(defaultTextsIn: folder) }
  }

  /// Registers a pack or a GGUF file, the other parts of a split one, and the texts next to it.
  private mutating func reads(modelFile path: String) {
    reads(path, as: "the model")
    for part in Checkpoint.otherParts(ofFileAt: path) { reads(part, as: "a part of the model") }
    reads(defaultTextsIn: DiskSpace.folder(of: path))
  }

  private mutating func reads(defaultTextsIn folder: String) {
    for name in Self.defaultTexts { reads(folder + "/" + name, as: "the checkpoint's own \(name)") }
  }

  /// Registers that the command reads the folders of `--adapter`.
  mutating func reads(adaptersOf arguments: Arguments) {
    for path in arguments.all("--adapter") { reads(model: path) }
  }

  /// Registers that the command reads a delta pack's parent.
  mutating func reads(parentOf pack: PackReader?) {
    if let parent = pack?.parent { reads(parent.path, as: "the parent of the model") }
  }

  /// Registers that the command reads a recipe and the files that it names.
  mutating func reads(_ recipe: Recipe, at path: String?) {
    if let path { reads(path, as: "the recipe") }
    if case .file(let text) = recipe.calibration.source {
      reads(CalibrationSettings.resolve(text, relativeTo: recipe.folder), as: "the calibration text")
    }
    if let statistics = recipe.calibration.statistics {
      reads(
        CalibrationSettings.resolve(statistics, relativeTo: recipe.folder), as: "the statistics to convert by"
      )
    }
  }

  private static let defaultTexts = ["calibration.jsonl", "tasks.jsonl", "heldout.txt", "requests.jsonl"]

  /// Whether a reader of checkpoints would read a file of this name as part of the checkpoint.
  private static func belongsToCheckpoint(_ name: String) -> Bool {
    [".safetensors", ".json", ".jinja", ".txt", ".model"].contains(where: name.lowercased().hasSuffix)
  }

  /// Throws when writing to `output` would destroy an input, or replace a file without permission.
  ///
  /// - Parameters:
  ///   - option: the option that names the output, for the message.
  ///   - replaces: whether an existing file that is not an input may be replaced.
  ///   - isFolder: whether the output is a folder, which may be there already.
  mutating func check(_ output: String, option: String, replaces: Bool, isFolder: Bool = false) throws {
    // An invalid path is refused by the writer with its own message.
    guard !output.isEmpty, !output.utf8.contains(0) else { return }
    let path = resolvedPath(output)
    if let other = outputs.first(where: { $0.path == path }) {
      throw UsageError(
        nil,
        "\(option): expected a file of its own, found \(output), which \(other.option) names too; choose another path"
      )
    }
    outputs.append((path, option))
    if let input = input(at: output, resolved: path) {
      throw CommandError(
        "\(option): expected a file that is not read, found \(output), which is \(input.role); choose another path"
      )
    }
    // Nothing is made next to a stream, and nothing replaces it.
    if StreamOutput.isStream(output) { return }
    if let input = inputAmongTemporaries(of: path) {
      throw CommandError(
        "\(option): expected a path whose temporary files are free, found \(input.path), which is \(input.role); choose another path"
      )
    }
    try checkFolder(output, path, option)
    try Self.checkWritable(output, option)
    var status = stat()
    if !isFolder, stat(output, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      throw CommandError(
        "\(option): expected the path of a file, found the folder \(output); add the file's name to the path")
    }
    try checkAgain(output, option: option, replaces: replaces)
  }

  /// Throws when nothing is at an output path and nothing can be made there, so that a plan says so, too.
  private static func checkWritable(_ output: String, _ option: String) throws {
    var status = stat()
    guard lstat(output, &status) != 0 else { return }
    try checkFolderTakesFiles(output, option)
  }

  /// Throws when no file can be made in the folder of `output`: a file there is replaced by renaming another.
  static func checkFolderTakesFiles(_ output: String, _ option: String) throws {
    guard access(DiskSpace.folder(of: output) + "/.", W_OK | X_OK) != 0 else { return }
    throw CommandError("\(option): expected to write \(output), found: \(FileFailure.last.reasonAndRemedy)")
  }

  /// Throws when a file has appeared at an output path since it was checked.
  func checkAgain(_ output: String, option: String, replaces: Bool) throws {
    var status = stat()
    guard !replaces, lstat(output, &status) == 0, [S_IFREG, S_IFLNK].contains(status.st_mode & S_IFMT) else {
      return
    }
    throw CommandError(
      "\(option): expected a path where nothing is, found the file \(output); choose another path, or add --force to replace it"
    )
  }

  /// Throws when the unfinished output would replace a file that quire has not written; with `replaces` it is removed.
  ///
  /// - Parameter beginnings: how the unfinished files of the output begin.
  func checkUnfinished(
    of output: String, option: String, _ beginnings: [UnfinishedFiles.Part: FileBeginning], replaces: Bool
  ) throws {
    let unfinished = UnfinishedFiles(of: output)
    for part in UnfinishedFiles.Part.allCases {
      let path = unfinished.path(of: part)
      guard beginnings[part]?.isForeign(path) == true else { continue }
      guard replaces else {
        throw CommandError(
          "\(option): expected a path whose temporary files are free, found \(path), which quire has not written; move it, choose another path, or add --force to replace it"
        )
      }
      unfinished.remove([part])
    }
  }

  /// The same for a pack that is written in one go, which would also discard the layers of a stopped conversion.
  ///
  /// - Parameter alternative: what the user can do instead
  func checkUnfinishedPack(
    of output: String, option: String, replaces: Bool, alternative: String = "choose another path"
  ) throws {
    try checkUnfinished(of: output, option: option, PackOutput.beginnings, replaces: replaces)
    guard !replaces, PackWriter.unfinishedKey(at: output) != nil else { return }
    let path = UnfinishedFiles(of: output).path(of: .contents)
    throw CommandError(
      "\(option): expected no unfinished work, found \(path) of a stopped conversion; run that again to finish it, add --force to discard it, or \(alternative)"
    )
  }

  private func input(at output: String, resolved path: String) -> Input? {
    let identity = FileIdentity(output)
    return inputs.first { $0.path == path || (identity != nil && $0.identity == identity) }
  }

  /// An input whose path is that of a temporary file of `path`: `path.partial`, `path.survey.partial` and so on.
  private func inputAmongTemporaries(of path: String) -> Input? {
    let url = URL(fileURLWithPath: path)
    let folder = url.deletingLastPathComponent().path
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    let temporaries = names.filter { UnfinishedFiles.owns(name: $0, of: url.lastPathComponent) }
    return temporaries.lazy.compactMap { input(at: folder + "/" + $0, resolved: folder + "/" + $0) }.first
  }

  /// Throws when the output would appear in a checkpoint's folder under a name that belongs to the checkpoint.
  private func checkFolder(_ output: String, _ path: String, _ option: String) throws {
    let url = URL(fileURLWithPath: path)
    guard let folder = FileIdentity(url.deletingLastPathComponent().path),
      checkpointFolders.contains(folder), Self.belongsToCheckpoint(url.lastPathComponent)
    else { return }
    throw CommandError(
      "\(option): expected a path outside of the checkpoint's folder, found \(output), which would become a part of the checkpoint; choose another folder"
    )
  }
}
