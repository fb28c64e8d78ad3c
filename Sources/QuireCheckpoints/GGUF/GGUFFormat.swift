package import QuireTensors

/// Constants of the GGUF file format, for reading and writing. Source: the specification in ggml's documentation.
package enum GGUFFormat {
  package static let magic = Array("GGUF".utf8)
  package static let version: UInt32 = 3
  /// Versions with the same layout.
  static let versions: ClosedRange<UInt32> = 2...3
  /// The alignment of tensors in files that do not name another.
  package static let alignment = 32
  /// A key of Quire's exports: of each tensor in the header's order the inputs that shared a scale, 0 for floats. Blocks
  /// repeat the scale of a larger group.
  package static let groupSizesKey = "quire.group_sizes"
  /// The architecture that Quire runs.
  package static let architecture = "qwen3"
}

/// The types of values in the metadata; raw values are the numbers in files.
package enum GGUFKind: UInt32, Sendable {
  case uint8 = 0
  case int8 = 1
  case uint16 = 2
  case int16 = 3
  case uint32 = 4
  case int32 = 5
  case float32 = 6
  case bool = 7
  case string = 8
  case array = 9
  case uint64 = 10
  case int64 = 11
  case float64 = 12

  /// Bytes of a value; of strings and arrays the bytes before their contents.
  var byteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64, .string: 8
    case .array: 12
    }
  }
}

/// The kinds of tokens in a tokenizer; raw values are the numbers in files.
package enum GGUFTokenKind: Int, Sendable {
  case normal = 1
  case unknown = 2
  case control = 3
  case userDefined = 4
  case unused = 5
  case byte = 6
}

/// The types of tensors that Quire reads; raw values are ggml's numbers. All but the first three store blocks of
/// integers with scales.
package enum GGUFType: UInt32, Sendable, CaseIterable {
  case f32 = 0
  case f16 = 1
  case bf16 = 30
  case q40 = 2
  case q41 = 3
  case q50 = 6
  case q51 = 7
  case q80 = 8
  case q2K = 10
  case q3K = 11
  case q4K = 12
  case q5K = 13
  case q6K = 14
  case iq4NL = 20

  /// The name in llama.cpp: "Q4_K".
  package var name: String {
    switch self {
    case .f32: "F32"
    case .f16: "F16"
    case .bf16: "BF16"
    case .q40: "Q4_0"
    case .q41: "Q4_1"
    case .q50: "Q5_0"
    case .q51: "Q5_1"
    case .q80: "Q8_0"
    case .q2K: "Q2_K"
    case .q3K: "Q3_K"
    case .q4K: "Q4_K"
    case .q5K: "Q5_K"
    case .q6K: "Q6_K"
    case .iq4NL: "IQ4_NL"
    }
  }

  init?(name: String) {
    guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
    self = type
  }

  /// The element type of a tensor of plain floats; nil for blocks.
  package var element: ElementType? {
    switch self {
    case .f32: .float32
    case .f16: .float16
    case .bf16: .bfloat16
    default: nil
    }
  }

  /// Values in a block.
  package var blockValues: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q40, .q41, .q50, .q51, .q80, .iq4NL: 32
    case .q2K, .q3K, .q4K, .q5K, .q6K: 256
    }
  }

  /// Bytes of a block.
  package var blockBytes: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q40, .iq4NL: 18
    case .q41: 20
    case .q50: 22
    case .q51: 24
    case .q80: 34
    case .q2K: 84
    case .q3K: 110
    case .q4K: 144
    case .q5K: 176
    case .q6K: 210
    }
  }

  /// The name of any type by its number, for a refusal.
  static func name(of number: UInt32) -> String {
    let others: [UInt32: String] = [
      9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S",
      21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
      29: "IQ1_M",
      34: "TQ1_0",
      35: "TQ2_0", 39: "MXFP4", 40: "NVFP4",
    ]
    return GGUFType(rawValue: number)?.name ?? others[number] ?? "type number \(number)"
  }
}
