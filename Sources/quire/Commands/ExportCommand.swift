import Foundation
import QuireExport
import QuireFiles
import QuireModelFiles
import QuireTensors
import QuireText

extension Command {
  static let export = Command(
    name: "export",
    summary:
      "Writes a model for other programs: for vLLM, SGLang and transformers (compressed-tensors), for llama.cpp (gguf), or "
      + "as plain floats (safetensors).\n"
      + "Quantized weights keep their integers and scales bit for bit where the format can hold them; the plan, which is "
      + "printed first, names every tensor that it rounds.",
    positionals: ["MODEL"],
    options: [
      Option("--format", "FORMAT", "compressed-tensors, gguf or safetensors"),
      Option("--output", "PATH", "the folder to write; for gguf the file"),
      Option("--force", nil, "replace a file, or the folder of an earlier export; the input never is"),
      Option("--plan", nil, "print what would be written and stop"),
      Option("--fill-pruned", nil, "store zeros for what was pruned, where layers were pruned differently"),
      Option(
        "--dtype", "TYPE",
        "bfloat16 (default) or float32: the type of weights that are not quantized, not for gguf"),
      Option(
        "--gguf-type", "TYPE",
        "bf16, f16 or f32: the type of matrices that Q8_0, Q4_0 and IQ4_NL do not hold exactly (default: the smallest that does)"
      ),
      Option(
        "--quantized-head", nil,
        "compressed-tensors: keep a quantized lm_head quantized, which older programs cannot load"),
      .adapter, .parent, .threads, .quietPlan,
    ],
    example: "quire export qwen3-8b-int4.quire --format compressed-tensors --output qwen3-8b-int4-vllm",
    stop: .ends(advice: Stop.startAgain),
    run: runExport)
}

private func runExport(_ arguments: Arguments) throws {
  let options = try arguments.exportOptions()
  let isPlanOnly = arguments.has("--plan")
  let output = isPlanOnly && !arguments.has("--output") ? nil : try arguments.outputPath()
  let replaces = arguments.has("--force")
  let model = try arguments.modelSource()
  if let output { try checkOutput(output, arguments, model, isFolder: options.format != .gguf) }
  showNotices(try model.notices())
  // What no command can use must not get lost in other programs' formats unnoticed.
  _ = try model.samplingDefaults()
  let plan = try ExportPlan(model, options: options, compute: arguments.compute())
  if let tokenizer = try? model.tokenizer() { showNotices(try model.chatNotices(tokenizer)) }
  if isPlanOnly { return Terminal.report(plan.text(width: Terminal.outputScreen.width) + "\n") }
  guard let output else { return }
  let exporter = Exporter(plan)
  try exporter.check(output, replaces: replaces)
  let isQuiet = arguments.has("--quiet")
  if !isQuiet { Terminal.remarkLine(plan.text(width: Terminal.outputScreen.width)) }
  let begin = Date()
  let progress = Progress("export", unit: .bytes, quiet: isQuiet)
  do {
    defer { progress.close() }
    try exporter.write(to: output, replaces: replaces) { progress.update($0, of: $1) }
  }
  guard !isQuiet else { return }
  let seconds = Terminal.seconds(Date().timeIntervalSince(begin))
  Terminal.remarkLine("\nwrote \(output.visibleLine): \(ByteText.of(plan.tensorBytes)) in \(seconds)")
}

/// Refuses an output that is the input, or that exists without `--force`.
private func checkOutput(
  _ output: String, _ arguments: Arguments, _ model: ModelSource, isFolder: Bool
) throws {
  var files = OutputGuard()
  files.reads(model: model.path)
  files.reads(adaptersOf: arguments)
  files.reads(parentOf: model.pack)
  // A plan looks at no output; a folder's contents are checked by the exporter.
  let replaces = arguments.has("--force") || arguments.has("--plan")
  if let identity = FileIdentity(output), identity == FileIdentity(model.path) {
    throw CommandError(
      "--output: expected a path that is not read, found \(output), which is the model; choose another path")
  }
  try files.check(output, option: "--output", replaces: replaces, isFolder: isFolder)
  guard !isFolder, !arguments.has("--plan") else { return }
  try files.checkUnfinished(
    of: output, option: "--output", [.contents: Exporter.ggufBeginning], replaces: replaces)
}

extension Arguments {
  fileprivate func exportOptions() throws -> ExportOptions {
    let name = try required("--format")
    guard let format = ExportFormat(rawValue: name) else {
      let names = ExportFormat.allCases.map(\.rawValue)
      let guess = Suggestion.clause(for: name, among: names)
      throw UsageError(
        command, "--format: expected one of \(names.joined(separator: ", ")), found '\(name)'\(guess)")
    }
    let isGGUF = format == .gguf
    if isGGUF, has("--dtype") {
      throw UsageError(
        command, "--dtype: expected compressed-tensors or safetensors with it; use --gguf-type for gguf")
    }
    if !isGGUF, has("--gguf-type") {
      throw UsageError(command, "--gguf-type: expected --format gguf with it; use --dtype for folders")
    }
    if format != .compressedTensors, has("--quantized-head") {
      throw UsageError(
        command, "--quantized-head: expected --format compressed-tensors with it; leave it out")
    }
    return ExportOptions(
      format: format,
      element: isGGUF
        ? try element("--gguf-type", ExportOptions.ggufElements)
        : try element("--dtype", ExportOptions.folderElements),
      fillsPruned: has("--fill-pruned"), keepsHead: has("--quantized-head"))
  }

  private func element(_ option: String, _ known: [String: ElementType]) throws -> ElementType? {
    guard let name = string(option) else { return nil }
    guard let element = known[name] else {
      let names = known.keys.sorted()
      throw UsageError(
        command,
        "\(option): expected one of \(names.joined(separator: ", ")), found '\(name)'"
          + Suggestion.clause(for: name, among: names))
    }
    return element
  }
}
