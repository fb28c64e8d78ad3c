import QuireFiles
import QuireModel
import QuireModelFiles
import QuireTensors
import QuireText

extension ExportPlan {
  /// The plan as text: a line for each kind of tensor, then what is not exact and who can load it.
  package var text: String { text(width: .max) }

  /// - Parameter width: in which the table must fit; a wider one is split into several
  package func text(width: Int) -> String {
    var lines = ["\(options.format.rawValue) of \(model.name.visibleLine)", ""]
    var table = TextTable(columns: [
      .init("tensors", .left), .init("count"), .init("in the model", .left), .init("in the export", .left),
      .init("values", .left), .init("size"),
    ])
    for row in rows { table.add(row) }
    lines.append(table.parts(width: width, keyCount: 1).map(\.text).joined(separator: "\n"))
    lines += (adapters.map(\.sentence) + sentences).map { $0 + "\n" }
    lines.append("size: \(ByteText.of(tensorBytes)) of tensors\(shards)")
    return lines.joined(separator: "\n")
  }

  private var shards: String {
    guard options.format.isFolder else { return " in one file" }
    let count = ShardLayout(tensors).shards.count
    return count == 1
      ? " in one file" : " in \(count) files of at most \(ByteText.of(ShardLayout.shardBytesMax))"
  }

  /// One for tensors of the same role and formats, in the model's order.
  private var rows: [[String]] {
    struct Kind: Hashable {
      let role: String
      let format: StoredFormat
      let encoding: TensorEncoding
    }
    var order: [Kind] = []
    var totals: [Kind: (count: Int, byteCount: Int)] = [:]
    for tensor in tensors {
      let kind = Kind(role: tensor.name.role, format: tensor.format, encoding: tensor.encoding)
      if totals[kind] == nil { order.append(kind) }
      let total = totals[kind] ?? (0, 0)
      totals[kind] = (total.count + 1, total.byteCount + tensor.byteCount)
    }
    return order.map { kind in
      let total = totals[kind] ?? (0, 0)
      return [
        kind.role, "\(total.count)", kind.format.text, kind.encoding.text,
        kind.encoding.isExact(for: kind.format) ? "exact" : "rounded", ByteText.of(total.byteCount),
      ]
    }
  }

  /// What a user should know, one sentence each.
  var sentences: [String] {
    [
      dequantizedSentence, roundedSentence, inexactBlockSentence, wideBlockSentence, activationSentence,
      zeroPointSentence, halfScaleSentence, siblingSentence, fillSentence, tieSentence, parallelSentence,
    ].compactMap(\.self) + losses
  }

  private var dequantizedSentence: String? {
    guard options.format == .compressedTensors else { return nil }
    let tables = tensors.filter { tensor in
      guard case .integers = tensor.format, case .floats = tensor.encoding else { return false }
      return true
    }
    guard !tables.isEmpty else { return nil }
    let names = tables.map(\.name.role).joined(separator: " and ")
    let added = tables.reduce(0) { $0 + $1.byteCount - $1.storedBytes }
    let hint =
      tables.contains { $0.name == .head }
      ? "; --quantized-head keeps lm_head quantized, for transformers, vLLM since March 2026 and SGLang since August 2026"
      : ""
    return
      "dequantized: \(names), \(ByteText.of(added)) more than in the model, because programs read them as plain weights\(hint)"
  }

  private var roundedSentence: String? {
    let bytes = tensors.filter { !$0.isExact }.reduce(0) { $0 + $1.byteCount }
    guard bytes > 0 else { return nil }
    let element = options.element ?? .bfloat16
    let remedy =
      switch options.format {
      case .gguf: "; --gguf-type f32 keeps every value"
      default: "; --dtype float32 keeps every value"
      }
    let relative = element == .float16 ? "2⁻¹¹, or 2⁻²⁵ for values below 2⁻¹⁴" : "2⁻⁹ of a value"
    return
      "rounded: \(ByteText.of(bytes)) of weights are rounded to \(element.exportName), by at most \(relative)\(remedy)"
  }

  private var inexactBlockSentence: String? {
    guard options.format == .gguf else { return nil }
    let count = tensors.count { tensor in
      guard case .integers = tensor.format, case .floats = tensor.encoding else { return false }
      return true
    }
    guard count > 0 else { return nil }
    return
      "dequantized: \(count) \(count == 1 ? "matrix" : "matrices"), which Q8_0, Q4_0 and IQ4_NL do not hold exactly: a width that 32 does not divide, a scale that float16 does not hold, 8-bit codes with zero points, or the levels of nl3; --gguf-type chooses their type"
  }

  private var wideBlockSentence: String? {
    let wide = tensors.filter { tensor in
      guard case .integers(let format) = tensor.format else { return false }
      return tensor.encoding == .q8Blocks && format.scheme == .int4
    }
    guard !wide.isEmpty else { return nil }
    let added = wide.reduce(0) { $0 + $1.byteCount - $1.storedBytes }
    return
      "zero points: \(wide.count) int4 \(wide.count == 1 ? "matrix" : "matrices") become Q8_0, \(ByteText.of(added)) more than in the model, because Q4_0 has no zero points and Q4_1 would round them"
  }

  private var zeroPointSentence: String? {
    let count = tensors.count { tensor in
      if case .packed(let format) = tensor.encoding { !format.isSymmetric } else { false }
    }
    guard count > 0 else { return nil }
    return
      "zero points: \(count) \(count == 1 ? "matrix has" : "matrices have") them, which not every program reads; transformers 5.23 with compressed-tensors 0.20 needs dequantize=True"
  }

  /// Programs load scales in the type that config.json names.
  private var halfScaleSentence: String? {
    guard hasHalfScales else { return nil }
    return
      "float16: the model has float16 scales, so config.json names float16; a program that computes in bfloat16 rounds them"
  }

  private var activationSentence: String? {
    guard tensors.contains(where: { $0.encoding == .int8Channels }) else { return nil }
    return
      "activations: int8 matrices per channel become W8A8, whose activations are quantized per token; Quire quantizes them in groups of up to 128, so its answers are slightly more exact"
  }

  /// vLLM joins these matrices into one and refuses different schemes in it.
  private var siblingSentence: String? {
    guard options.format == .compressedTensors else { return nil }
    let encodings = Dictionary(uniqueKeysWithValues: tensors.map { ($0.name, $0.encoding) })
    let siblings: [[LayerTensor]] = [
      [.queryProjection, .keyProjection, .valueProjection], [.gateProjection, .upProjection],
    ]
    let count = (0..<configuration.layerCount).count { layer in
      siblings.contains { names in Set(names.compactMap { encodings[.layer(layer, $0)] }).count > 1 }
    }
    guard count > 0 else { return nil }
    return
      "vLLM and SGLang: they join q, k and v, and gate and up, and refuse different schemes in them, which \(count) of \(configuration.layerCount) layers have; transformers loads the export"
  }

  private var fillSentence: String? {
    guard let fill = source.fill else { return nil }
    let layer = configuration.layers[0]
    return
      "filled: \(fill.zeroCount) zeros bring every layer to \(layer.queryHeadCount) query heads, \(layer.keyValueHeadCount) KV heads and \(layer.intermediateSize) neurons; the model computes the same"
  }

  private var tieSentence: String? {
    configuration.tiesEmbeddings ? "lm_head: tied to the embedding, so stored once" : nil
  }

  private var parallelSentence: String? {
    guard options.format.isFolder else { return nil }
    let sizes = tensorParallelSizes.map(String.init).joined(separator: ", ")
    return "tensor parallelism in vLLM: \(sizes)"
  }
}

extension ExportedTensor {
  /// Bytes in the model, without the padding of the last panel.
  fileprivate var storedBytes: Int {
    guard shape.count == 2, case .integers(let format) = format else { return byteCount }
    return format.byteCount(rows: shape[0], columns: shape[1])
  }
}

extension TensorEncoding {
  /// As in the plan.
  var text: String {
    switch self {
    case .floats(let element): element.exportName
    case .int8Channels: "W8A8"
    case .packed(let format):
      (format.scheme == .int4 ? "W4A16" : "W8A16") + (format.isSymmetric ? "" : " asymmetric")
        + (format.group.map { " g\($0)" } ?? "")
    case .q8Blocks: "Q8_0"
    case .q4Blocks: "Q4_0"
    case .iq4Blocks: "IQ4_NL"
    }
  }
}
