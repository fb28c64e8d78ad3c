import Foundation
import QuireConversion

/// Finds the recipe that `--recipe` names: a file, one of the recipes that come with the program, or `keep`, which is part
/// of it.
///
/// Searched in this order: the given path; `../share/quire/recipes` relative to the program, the folder of an
/// installation; `recipes` in the source tree in which the program was built. The extension is optional.
enum RecipeSearch {
  /// Reads the recipe; `notice` reports the path of a shipped one.
  static func recipe(_ name: String, notice: (String) -> Void) throws -> (recipe: Recipe, path: String) {
    if name == Recipe.keep.name, !FileManager.default.fileExists(atPath: name) { return (.keep, name) }
    let path = try path(name)
    if path != name { notice("--recipe \(name): taking \(path)") }
    return (try Recipe(path: path), path)
  }

  private static func path(_ name: String) throws -> String {
    // "./int4.json5" and "/int4.json5" mean exactly that file.
    let isExact = ["/", "./", "../"].contains(where: name.hasPrefix)
    if isExact || name.isEmpty || FileManager.default.fileExists(atPath: name) { return name }
    let candidates = folders.flatMap { [$0 + "/" + name, $0 + "/" + name + ending] }
    if let found = candidates.first(where: isFile) { return found }
    // A word that looks like a path gets the message about a missing file.
    guard !name.contains("/"), !name.hasSuffix(ending) else { return name }
    let shipped = Set(folders.flatMap(names) + [Recipe.keep.name]).sorted()
    guard shipped.count > 1 else { return name }
    throw CommandError(
      "--recipe: expected a file or one of the recipes \(shipped.joined(separator: ", ")), found '\(name)'\(Suggestion.clause(for: name, among: shipped)); check the name"
    )
  }

  private static let ending = ".json5"

  private static func isFile(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
  }

  private static func names(in folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasSuffix(ending) }.map { String($0.dropLast(ending.count)) }
  }

  private static var folders: [String] {
    guard
      let program = realpath("/proc/self/exe", nil).map({ pointer in
        defer { free(pointer) }
        return URL(fileURLWithPath: String(cString: pointer))
      }) ?? Bundle.main.executableURL
    else { return [] }
    let installed =
      program.deletingLastPathComponent().deletingLastPathComponent().path + "/share/quire/recipes"
    return [installed, sourceTree(of: program)].compactMap { $0 }.filter {
      FileManager.default.fileExists(atPath: $0)
    }
  }

  private static func sourceTree(of program: URL) -> String? {
    var folder = program.deletingLastPathComponent()
    while folder.path != "/" {
      if isFile(folder.path + "/Package.swift") { return folder.path + "/recipes" }
      folder = folder.deletingLastPathComponent()
    }
    return nil
  }
}

extension Arguments {
  /// The recipe of that name, and the path it was read from.
  func recipe(_ name: String) throws -> (recipe: Recipe, path: String) {
    try RecipeSearch.recipe(name) { sentence in
      if !has("--quiet") { Terminal.errorLine("quire \(command): " + sentence) }
    }
  }
}
