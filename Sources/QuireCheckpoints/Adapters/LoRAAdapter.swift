import Foundation
import QuireFiles
import QuireTensors

/// A LoRA adapter in PEFT's layout, whose products are added to the weights of a checkpoint when they are read:
/// W + (alpha / r) · B·A in float32.
///
/// The tensors are named `base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight`, [r, inputs], and `…lora_B…`,
/// [outputs, r]. Source: the checkpoint format in PEFT's documentation.
package struct LoRAAdapter: Sendable {
  package static let weightsName = "adapter_model.safetensors"
  private static let prefix = "base_model.model."

  /// The pair of matrices of one module.
  package struct Module: Sendable {
    package let inner: TensorRecord  // A, [r, inputs]
    package let outer: TensorRecord  // B, [outputs, r]
    package let scale: Float

    package var rank: Int { inner.shape[0] }
    var shape: [Int] { [outer.shape[0], inner.shape[1]] }
  }

  package let path: String
  /// The folder's name.
  package let name: String
  /// By the name of the weight that a module is added to.
  package let modules: [String: Module]
  let notices: [String]
  /// What PEFT stores beside an adapter of lm_head by default: the model's own weights, by name.
  private let copies: [String: TensorRecord]
  private let file: SafetensorsFile

  /// Reads the configuration and the header, not the matrices.
  package init(path: String) throws(CheckpointError) {
    self.path = path
    name = PathText.name(of: path)
    let folder = try Self.folder(path)
    let configuration = try AdapterConfiguration(folder)
    notices = configuration.notices
    guard try folder.has(Self.weightsName) else {
      throw .foreign(
        path: path, expected: "a LoRA adapter with \(Self.weightsName)",
        found: try folder.has("adapter_model.bin") ? "adapter_model.bin" : "none",
        advice: "save it with a current version of PEFT: save_pretrained(OUTPUT)")
    }
    file = try SafetensorsFile(path: folder.path(Self.weightsName))
    (modules, copies) = try Self.modules(file, configuration)
  }

  private static func folder(_ path: String) throws(CheckpointError) -> CheckpointFolder {
    do {
      return try CheckpointFolder(path: path)
    } catch {
      guard case .noFolder(let path, let reason) = error else { throw error }
      throw .foreign(
        path: path, expected: "the folder of a LoRA adapter", found: "none: \(reason)",
        advice: "give the folder that PEFT's save_pretrained wrote")
    }
  }

  private static func modules(
    _ file: SafetensorsFile, _ configuration: AdapterConfiguration
  ) throws(CheckpointError) -> (modules: [String: Module], copies: [String: TensorRecord]) {
    var (inner, outer): ([String: TensorRecord], [String: TensorRecord]) = ([:], [:])
    var copies: [String: TensorRecord] = [:]
    for record in file.records {
      guard record.name.hasPrefix(prefix), record.shape.count == 2,
        Checkpoint.weightElements.contains(record.element)
      else { throw refusal(file, record) }
      let name = record.name.dropFirst(prefix.count)
      if name.hasSuffix(".lora_A.weight") {
        inner[String(name.dropLast(".lora_A.weight".count))] = record
      } else if name.hasSuffix(".lora_B.weight") {
        outer[String(name.dropLast(".lora_B.weight".count))] = record
      } else if name.hasSuffix(".base_layer.weight") {
        copies[name.dropLast(".base_layer.weight".count) + ".weight"] = record
      } else if ["lm_head.weight", "model.embed_tokens.weight"].contains(name) {
        copies[String(name)] = record
      } else {
        throw refusal(file, record)
      }
    }
    var modules: [String: Module] = [:]
    for (module, first) in inner.sorted(by: { $0.key < $1.key }) {
      let found = outer.removeValue(forKey: module)
      guard let second = found, second.shape[1] == first.shape[0] else {
        throw .malformed(
          path: file.path,
          expected: "lora_B of the same rank as lora_A for \(module), which is \(first.shape[0])",
          found: found.map { "the shape \($0.shape)" } ?? "none")
      }
      modules[module + ".weight"] = Module(
        inner: first, outer: second, scale: try configuration.scale(of: module, rank: first.shape[0]))
    }
    guard let lone = outer.keys.min() else {
      guard !modules.isEmpty else {
        throw .malformed(path: file.path, expected: "lora_A and lora_B of at least one matrix", found: "none")
      }
      return (modules, copies)
    }
    throw .malformed(path: file.path, expected: "lora_A for \(lone)", found: "only lora_B")
  }

  private static func refusal(_ file: SafetensorsFile, _ record: TensorRecord) -> CheckpointError {
    let kinds = [
      ("lora_embedding", "an adapted embedding"), ("lora_magnitude_vector", "DoRA"), (".bias", "a bias"),
      ("modules_to_save", "a trained copy of a whole module"), ("embed_tokens", "a trained embedding"),
    ]
    let isKnown = Checkpoint.weightElements.contains(record.element)
    let kind = kinds.first { record.name.contains($0.0) }?.1
    return .foreign(
      path: file.path, expected: "lora_A and lora_B of linear layers in float32, float16 or bfloat16",
      found: "\(kind.map { $0 + ", " } ?? "")tensor \"\(record.name.prefix(120))\""
        + (isKnown ? "" : " of type \(record.element.rawValue)"),
      advice: "merge it with peft: merge_and_unload() and save_pretrained(OUTPUT), and give that folder")
  }

  /// Checks that every module is a matrix of the checkpoint.
  func check(
    _ record: (String) -> TensorRecord?, folder: String, tiesEmbeddings: Bool
  ) throws(CheckpointError) {
    for (name, module) in modules.sorted(by: { $0.key < $1.key }) {
      guard name != "lm_head.weight" || !tiesEmbeddings else {
        throw .foreign(
          path: path, expected: "no adapter of lm_head, which is the embedding of \(folder)", found: "one",
          advice: "merge it with peft: merge_and_unload() and save_pretrained(OUTPUT), and give that folder")
      }
      guard let found = record(name), name != "model.embed_tokens.weight" else {
        throw .foreign(
          path: path, expected: "an adapter of linear layers of \(folder)", found: "one of \(name)",
          advice: "give the model that it was trained on")
      }
      guard found.shape == module.shape else {
        throw .foreign(
          path: path, expected: "an adapter of \(name) of shape \(found.shape)",
          found: "\(module.shape)", advice: "give the model that it was trained on")
      }
    }
  }

  /// Throws unless the copies of the model's weights equal those of the checkpoint: a trained one would have to replace them.
  ///
  /// - Parameter find: the file of the checkpoint that holds a tensor
  func checkCopies(
    _ find: (String) throws(CheckpointError) -> (file: any TensorFile, record: TensorRecord)
  ) throws(CheckpointError) {
    for (name, copy) in copies.sorted(by: { $0.key < $1.key }) {
      let original = try find(name)
      guard original.record.shape == copy.shape else { throw Self.refusal(file, copy) }
      // 16 MiB of float32 at a time.
      let step = max(1, (4 << 20) / max(1, copy.shape[1]))
      for first in stride(from: 0, to: copy.shape[0], by: step) {
        let rows = first..<min(first + step, copy.shape[0])
        let (one, other) = (
          try file.readRows(rows, of: copy).widened(),
          try original.file.readRows(rows, of: original.record).widened()
        )
        guard memcmp(one.pointer, other.pointer, one.byteCount) == 0 else { throw Self.refusal(file, copy) }
      }
    }
  }

  /// Adds the product's rows `rows` to `values`, [rows, inputs].
  ///
  /// For each weight the r products are added up in order, then scaled, then added, so that the result does not depend
  /// on how many rows are read at a time.
  func add(
    to values: HostBuffer<Float>, _ name: String, rows: Range<Int>
  ) throws(CheckpointError) {
    guard let module = modules[name] else { return }
    let inner = try file.read(module.inner).view.widened()
    let outer = try file.readRows(rows, of: module.outer).widened()
    let columns = module.shape[1]
    let sum = HostBuffer<Float>(count: columns)
    for row in 0..<rows.count {
      let target = values.pointer + row * columns
      let total = sum.pointer
      for column in 0..<columns { total[column] = 0 }
      for k in 0..<module.rank {
        let (factor, source) = (outer.pointer[row * module.rank + k], inner.pointer + k * columns)
        for column in 0..<columns { total[column] += factor * source[column] }
      }
      for column in 0..<columns { target[column] += module.scale * total[column] }
    }
    withExtendedLifetime((inner, outer, sum)) {}
  }

  /// The files of the adapter.
  var paths: [String] { [AdapterConfiguration.fileName, Self.weightsName].map { path + "/" + $0 } }

  /// "french-lora (rank 16, 252 matrices)".
  package var description: String {
    let ranks = Set(modules.values.map(\.rank)).sorted().map(String.init).joined(separator: ", ")
    return "\(name) (rank \(ranks), \(modules.count) matrices)"
  }
}

extension TensorView {
  /// The values as float32. Precondition: a type of weights.
  func widened() -> HostBuffer<Float> {
    let count = bytes.count / element.byteCount
    let result = HostBuffer<Float>(count: count)
    guard let base = bytes.baseAddress else { return result }
    let matrix = DenseMatrix(rows: 1, columns: count, element: element, base: base, owner: owner)
    WeightMatrix.dense(matrix).dequantizeRow(0, into: result.pointer, kernels: Kernels(.portable))
    return result
  }
}
