import QuireTensors

/// Finds the encoded matrices among a checkpoint's tensors, and checks that their tensors fit together.
struct EncodedMatrixFinder {
  let quantization: StoredQuantization
  let tensors: [String: EncodedMatrix.Part]

  /// Largest number of rows, columns and groups.
  private static let countMax = 1 << 31

  /// Tensors that only say how activations or the KV cache were quantized.
  private static let ofActivations = [
    "input_scale", "input_zero_point", "output_scale", "k_scale", "v_scale", "kv_scale",
  ]

  /// Tensors of scales for activations and the KV cache. Quire computes its own while it runs.
  var activationScales: [String] {
    tensors.keys.filter { name in Self.ofActivations.contains { name.hasSuffix("." + $0) } }.sorted()
  }

  /// All encoded matrices by the name that a model asks for.
  func matrices() throws(CheckpointError) -> [String: EncodedMatrix] {
    var found: [String: EncodedMatrix] = [:]
    for name in tensors.keys.sorted() {
      guard let module = encodedModule(name) else { continue }
      let matrix = try matrix(module)
      found[matrix.name] = matrix
    }
    return found
  }

  /// The module whose codes a tensor holds; nil for other tensors.
  private func encodedModule(_ name: String) -> String? {
    func module(_ ending: String) -> String? {
      name.hasSuffix(ending) ? String(name.dropLast(ending.count)) : nil
    }
    let element = tensors[name]?.record.element
    switch quantization.method {
    case .awq, .gptq: return module(".qweight")
    case .float8: return element == .float8E4M3 ? module(".weight") : nil
    case .compressedTensors:
      if let module = module(".weight_packed") { return module }
      return element == .int8 || element == .float8E4M3 ? module(".weight") : nil
    }
  }

  private func matrix(_ module: String) throws(CheckpointError) -> EncodedMatrix {
    switch quantization.method {
    case .awq: return try transposed(module, bits: 4, addsOneToZeros: nil)
    case .gptq:
      let bits = quantization.numbers.first?.bits ?? 4
      return try transposed(module, bits: bits, addsOneToZeros: quantization.addsOneToZeros)
    case .float8: return try float8(module)
    case .compressedTensors:
      if tensors[module + ".weight_packed"] != nil { return try packed(module) }
      if tensors[module + ".weight"]?.record.element == .int8 { return try integers(module) }
      return try float8(module)
    }
  }

  // MARK: Layouts

  /// AWQ and GPTQ. `addsOneToZeros` is nil for AWQ.
  private func transposed(
    _ module: String, bits: Int, addsOneToZeros: Bool?
  ) throws(CheckpointError) -> EncodedMatrix {
    let perWord = 32 / bits
    var parts = Parts(module: module, tensors: tensors)
    let codes = try parts.take("qweight", [.int32], dimensions: 2)
    let isAWQ = addsOneToZeros == nil
    let (rows, columns) = isAWQ ? (codes[1] * perWord, codes[0]) : (codes[1], codes[0] * perWord)
    let scales = try parts.take("scales", [.float16, .bfloat16, .float32], dimensions: 2)
    let groups = scales[0]
    try parts.require("scales", [groups, rows])
    guard rows % perWord == 0 else {
      throw parts.fault("qweight", expected: "a number of outputs divisible by \(perWord)", found: "\(rows)")
    }
    _ = try parts.take("qzeros", [.int32], dimensions: 2)
    try parts.require("qzeros", [groups, rows / perWord])
    try parts.requireGroups(groups, columns, "scales")
    if !isAWQ, try parts.takeOptional("g_idx", [.int32], dimensions: 1) != nil {
      try parts.require("g_idx", [columns])
    } else if quantization.ordersColumns, groups > 1 {
      throw parts.fault(
        "g_idx", expected: "the group of each input, because desc_act of quantization_config is true,",
        found: "none")
    } else if let size = quantization.groupSize, size != columns / groups {
      // A shorter last group would make the number of groups fit by chance.
      throw parts.fault(
        "scales", expected: "groups of \(size) inputs, the group_size of quantization_config",
        found: "\(groups) for \(columns) inputs")
    }
    return EncodedMatrix(
      name: module + ".weight", rows: rows, columns: columns,
      layout: addsOneToZeros.map { .gptq(bits: bits, addsOneToZeros: $0) } ?? .awq, groupCount: groups,
      rowsPerScale: 1,
      parts: parts.taken, columnsPerScale: columns / groups)
  }

  private func packed(_ module: String) throws(CheckpointError) -> EncodedMatrix {
    var parts = Parts(module: module, tensors: tensors)
    let codes = try parts.take("weight_packed", [.int32], dimensions: 2)
    let shape = try parts.weightShape()
    let bits = [4, 8].first { (shape[1] * $0 + 31) / 32 == codes[1] } ?? 0
    guard shape[0] == codes[0], bits != 0 else {
      throw parts.fault(
        "weight_packed", expected: "4- or 8-bit integers of a matrix \(shape)", found: "shape \(codes)")
    }
    try checkNumber(isInteger: true, bits: bits, parts, "weight_packed")
    let (groups, rowsPerScale) = try scales(&parts, "weight_scale", shape)
    let perWord = 32 / bits
    if rowsPerScale > 1 {
      try takeOneZero(&parts)
    } else if try parts.takeOptional("weight_zero_point", [.int32], dimensions: 2) != nil {
      try parts.require("weight_zero_point", [(shape[0] + perWord - 1) / perWord, groups])
    }
    if try parts.takeOptional("weight_g_idx", [.int32], dimensions: 1) != nil {
      try parts.require("weight_g_idx", [shape[1]])
    }
    return EncodedMatrix(
      name: module + ".weight", rows: shape[0], columns: shape[1], layout: .packed(bits: bits),
      groupCount: groups,
      rowsPerScale: rowsPerScale, parts: parts.taken, columnsPerScale: shape[1] / groups)
  }

  /// The zero point of a matrix with one scale, which is never packed.
  private func takeOneZero(_ parts: inout Parts) throws(CheckpointError) {
    let name = "weight_zero_point"
    guard let shape = try parts.takeOptional(name, [.int8], dimensions: nil) else { return }
    // bounded: the elements of a tensor that its file holds
    guard shape.reduce(1, *) == 1 else {
      throw parts.fault(name, expected: "one number, as in the scale", found: "shape \(shape)")
    }
  }

  private func integers(_ module: String) throws(CheckpointError) -> EncodedMatrix {
    var parts = Parts(module: module, tensors: tensors)
    let shape = try parts.take("weight", [.int8], dimensions: 2)
    let scale = parts.record("weight_scale")
    let zeros = parts.record("weight_zero_point")
    let (groups, rowsPerScale) = try scales(&parts, "weight_scale", shape)
    if zeros != nil {
      _ = try parts.take("weight_zero_point", [.int8], dimensions: nil)
      try parts.require("weight_zero_point", scale?.shape ?? [])
    }
    return EncodedMatrix(
      name: module + ".weight", rows: shape[0], columns: shape[1], layout: .integers, groupCount: groups,
      rowsPerScale: rowsPerScale, parts: parts.taken, columnsPerScale: shape[1] / groups)
  }

  private func float8(_ module: String) throws(CheckpointError) -> EncodedMatrix {
    var parts = Parts(module: module, tensors: tensors)
    let shape = try parts.take("weight", [.float8E4M3], dimensions: 2)
    let inverse = "weight_scale_inv"
    let isInverse = parts.record("weight_scale") == nil && quantization.method == .float8
    let name = isInverse || parts.record(inverse) != nil ? inverse : "weight_scale"
    let block = quantization.block
    let blocks = [(shape[0] + block[0] - 1) / block[0], (shape[1] + block[1] - 1) / block[1]]
    if parts.record(name)?.shape == blocks {
      _ = try parts.take(name, Self.float8Scales, dimensions: 2)
      return EncodedMatrix(
        name: module + ".weight", rows: shape[0], columns: shape[1], layout: .float8, groupCount: blocks[1],
        rowsPerScale: block[0], parts: parts.taken, columnsPerScale: block[1])
    }
    let (groups, rowsPerScale) = try scales(&parts, name, shape, Self.float8Scales)
    return EncodedMatrix(
      name: module + ".weight", rows: shape[0], columns: shape[1], layout: .float8, groupCount: groups,
      rowsPerScale: rowsPerScale, parts: parts.taken, columnsPerScale: shape[1] / groups)
  }

  /// The types of scales of FP8: floats, or powers of two as E8M0, which compressed-tensors stores as U8.
  private static let float8Scales: [ElementType] = [.bfloat16, .float16, .float32, .float8E8M0, .uint8]

  /// Scales of compressed-tensors: [rows, groups], [rows] with one group, or one number for the whole matrix.
  private func scales(
    _ parts: inout Parts, _ name: String, _ shape: [Int],
    _ elements: [ElementType] = [.bfloat16, .float16, .float32]
  ) throws(CheckpointError) -> (groups: Int, rowsPerScale: Int) {
    let scale = try parts.take(name, elements, dimensions: nil)
    // bounded: the elements of a tensor that its file holds
    if scale.reduce(1, *) == 1, shape[0] > 1 { return (1, shape[0]) }
    if scale == [shape[0]] { return (1, 1) }
    guard scale.count == 2, scale[0] == shape[0] else {
      throw parts.fault(
        name, expected: "a scale for each row and group of a matrix \(shape)", found: "shape \(scale)")
    }
    try parts.requireGroups(scale[1], shape[1], name)
    return (scale[1], 1)
  }

  private func checkNumber(
    isInteger: Bool, bits: Int, _ parts: Parts, _ name: String
  ) throws(CheckpointError) {
    let number = StoredQuantization.Number(isInteger: isInteger, bits: bits)
    guard quantization.numbers.contains(number) else {
      throw parts.fault(
        name, expected: "numbers of a config group of quantization_config", found: "\(bits)-bit integers")
    }
  }

  // MARK: Tensors of a module

  private struct Parts {
    let module: String
    let tensors: [String: EncodedMatrix.Part]
    var taken: [String: EncodedMatrix.Part] = [:]

    init(module: String, tensors: [String: EncodedMatrix.Part]) {
      self.module = module
      self.tensors = tensors
    }

    func record(_ name: String) -> TensorRecord? { tensors["\(module).\(name)"]?.record }

    func fault(_ name: String, expected: String, found: String) -> CheckpointError {
      let file =
        record(name)?.file ?? tensors.first { $0.key.hasPrefix(module + ".") }?.value.record.file ?? module
      // Most such files are whole, but of a form that is not read.
      return .foreign(
        path: file, expected: "\(expected) in \"\(module).\(name)\"", found: found,
        advice: StoredQuantization.advice)
    }

    /// The tensor's shape.
    mutating func take(
      _ name: String, _ elements: [ElementType], dimensions: Int?
    ) throws(CheckpointError) -> [Int] {
      guard let shape = try takeOptional(name, elements, dimensions: dimensions) else {
        throw fault(name, expected: "a tensor next to the other tensors of its matrix", found: "none")
      }
      return shape
    }

    mutating func takeOptional(
      _ name: String, _ elements: [ElementType], dimensions: Int?
    ) throws(CheckpointError) -> [Int]? {
      guard let part = tensors["\(module).\(name)"] else { return nil }
      let (element, shape) = (part.record.element, part.record.shape)
      let isKnown = elements.contains(element) && (dimensions ?? shape.count) == shape.count
      guard isKnown, shape.allSatisfy({ (1...EncodedMatrixFinder.countMax).contains($0) }) else {
        let types = elements.map(\.rawValue).joined(separator: ", ")
        let count = dimensions.map { " with \($0) dimensions" } ?? ""
        throw fault(name, expected: "\(types)\(count), none empty,", found: description(element, shape))
      }
      taken[name] = part
      return shape
    }

    func require(_ name: String, _ shape: [Int]) throws(CheckpointError) {
      let found = record(name)?.shape ?? []
      guard found == shape else { throw fault(name, expected: "shape \(shape)", found: "\(found)") }
    }

    func requireGroups(_ groups: Int, _ columns: Int, _ name: String) throws(CheckpointError) {
      guard columns % groups == 0 else {
        throw fault(name, expected: "groups of equal size of \(columns) inputs", found: "\(groups) groups")
      }
    }

    /// The value of `weight_shape`: the shape of the matrix before packing.
    mutating func weightShape() throws(CheckpointError) -> [Int] {
      _ = try take("weight_shape", [.int64, .int32], dimensions: 1)
      try require("weight_shape", [2])
      guard let part = taken["weight_shape"] else { return [] }
      let view = try part.file.read(part.record).view
      let shape =
        view.element == .int64
        ? view.bytes.bindMemory(to: Int64.self).map { Int(clamping: $0) }
        : view.bytes.bindMemory(to: Int32.self).map { Int($0) }
      guard shape.allSatisfy({ (1...EncodedMatrixFinder.countMax).contains($0) }) else {
        throw fault("weight_shape", expected: "two sizes", found: "\(shape)")
      }
      return shape
    }
  }
}
