import QuireCalibration
import QuireOptimization
import QuireFiles
import QuireModel
import QuireCheckpoints
import Foundation
import QuireJSON
import QuireTensors

extension Recipe {
  /// Reads a recipe file.
  ///
  /// Throws when the file cannot be read, is not JSON5, or has an unknown step, field or value; the sentence names
  /// the line, what was expected and what was found.
  package init(path: String) throws(ConversionError) {
    let isFile = (try? InputFile(path: path)) != nil
    // A shell's process substitution is a pipe that is open. Any other pipe may have no writer and would be waited for.
    let isOpenPipe = ["/dev/fd/", "/dev/stdin", "/proc/self/fd/"].contains(where: path.hasPrefix)
    let text: [UInt8]
    do throws(TextProblem) {
      var isFolder: ObjCBool = false
      let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      guard isFile || isOpenPipe || !exists || isFolder.boolValue else { throw .unreadable }
      text = try TextFile.contents(path: path)
    } catch .folder {
      throw .folderForFile(path: path, purpose: "the recipe")
    } catch {
      throw .unreadableFile(path: path, purpose: "the recipe")
    }
    // A pipe is in no folder of the user's.
    let folder = isFile ? path.lastIndex(of: "/").map { String(path[..<$0]) + "/" } ?? "" : ""
    try self.init(text: text, file: path, folder: folder)
  }

  /// Reads the text of a recipe; `file` is its name in error sentences.
  package init(text: [UInt8], file: String, folder: String = "") throws(ConversionError) {
    let value: JSONValue
    do throws(JSONError) {
      value = try JSONValue.parse(text, syntax: .json5)
    } catch {
      throw .malformedRecipe(file: file, reason: error)
    }
    let root = RecipeNode(value: value, path: [], file: file, text: text)
    try root.checkMembers(["name", "steps", "calibration"], of: "a recipe")
    var steps: [RecipeStep] = []
    for node in try root.required("steps", in: "the recipe").elements("the steps") {
      try node.checkOrder(after: steps)
      steps.append(try RecipeStep(node))
    }
    if let first = steps.firstIndex(where: { $0.settings.preparesRounding }), steps.last?.quantization == nil
    {
      throw try root.required("steps", in: "the recipe").element(first).refusal(
        "the step \"\(steps[first].name)\" prepares weights for rounding, but no step that rounds follows; "
          + "add a step \"quantize\" at the end, or remove this one")
    }
    try root.checkAsymmetry(steps)
    self.init(
      name: try root.required("name", in: "the recipe").string("the recipe's name"), steps: steps,
      calibration: try root.member("calibration")?.calibration() ?? CalibrationSettings(),
      text: String(decoding: text, as: UTF8.self), folder: folder, file: file)
  }
}

extension Recipe {
  /// Refuses a step by an error that names no place, such as a count that does not fit the checkpoint: the sentence then
  /// begins with the recipe's file and the line of the step. Other errors, and those about a recipe that is from no file,
  /// stay as they are.
  ///
  /// - Parameter index: the step's; nil for what concerns no step alone
  func placing<Value>(
    _ index: Int?, _ body: () throws(ConversionError) -> Value
  ) throws(ConversionError) -> Value {
    do throws(ConversionError) { return try body() } catch {
      guard !file.isEmpty, error.isOfRecipe else { throw error }
      let path: [JSONPathStep] = [.key("steps")] + (index.map { [.index($0)] } ?? [])
      throw .recipe(
        file: file, line: JSONValue.line(of: path, in: Array(text.utf8), syntax: .json5),
        problem: error.description)
    }
  }
}

extension ConversionError {
  /// Whether it says what is wrong with a step, but not where that step is.
  fileprivate var isOfRecipe: Bool {
    switch self {
    case .removalCounts, .removesTooMuch, .budget, .rotation, .optimization: true
    default: false
    }
  }
}

extension RecipeNode {
  /// Quantized weights are final: nothing that changes them may follow.
  /// A rotation concerns the whole model, and what it changes the other steps take for the checkpoint's own weights.
  fileprivate func checkOrder(after steps: [RecipeStep]) throws(ConversionError) {
    if let first = steps.first, member("step")?.value.stringValue == RotationSettings.name {
      throw refusal(
        "expected \"\(RotationSettings.name)\" to be the first step and to occur once, found it after \"\(first.name)\"; "
          + (first.name == RotationSettings.name ? "remove one of them" : "move it to the beginning"))
    }
    guard let last = steps.last, last.quantization != nil else { return }
    throw refusal(
      "expected \"\(last.name)\" to be the last step, found another step after it; "
        + "move that step before it, or use overrides for a second scheme")
  }

  /// Asymmetric calibration compares the inputs of each matrix in the float model and in the quantized one, token by
  /// token and input by input.
  fileprivate func checkAsymmetry(_ steps: [RecipeStep]) throws(ConversionError) {
    guard steps.last?.quantization?.isAsymmetric == true else { return }
    guard let cut = steps.firstIndex(where: { $0.settings.removesInputs }) else { return }
    throw try required("steps", in: "the recipe").element(cut).refusal(
      "the field \"asymmetry\" compares the inputs of each matrix with those in the float model, but the step "
        + "\"\(steps[cut].name)\" removes some; remove the step, or the field")
  }

  fileprivate func calibration() throws(ConversionError) -> CalibrationSettings {
    let what = "the calibration"
    try checkMembers(["source", "windows", "tokens", "seed", "mode", "statistics"], of: what)
    var settings = CalibrationSettings()
    if let source = try member("source")?.string("source") {
      settings.source = source == "bundled" ? .bundled : .file(source)
    }
    if let windows = member("windows") {
      settings.windowCount = try windows.integer("windows", in: 1...1_000_000)
    }
    if let tokens = member("tokens") {
      settings.windowTokens = try tokens.integer("tokens", in: 1...1_000_000)
    }
    settings.statistics = try member("statistics")?.string("statistics")
    if let mode = member("mode") {
      settings.chatMode = try mode.choice("mode", as: CalibrationChatMode.self)
    }
    if let seed = member("seed") { settings.seed = UInt64(try seed.integer("seed", in: 0...Int.max)) }
    return settings
  }
}
