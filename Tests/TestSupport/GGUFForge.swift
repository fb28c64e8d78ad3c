/// A GGUF file built in memory, for tests. It has no code in common with the readers and writers under test, and can
/// therefore also build malformed files.
package struct GGUFForge: Sendable {
  package enum Value: Sendable {
    case uint16(UInt16)
    case uint32(UInt32)
    case float(Float)
    case bool(Bool)
    case text(String)
    case texts([String])
    case numbers([Int32])
    /// The number of a type and the bytes of its value.
    case raw(UInt32, [UInt8])
  }

  package struct Tensor: Sendable {
    package var name: String
    package var type: UInt32
    /// As in files: the contiguous dimension first.
    package var sizes: [UInt64]
    package var bytes: [UInt8]
    /// Replaces the offset when not nil.
    package var offset: UInt64?

    package init(_ name: String, type: UInt32, sizes: [UInt64], bytes: [UInt8], offset: UInt64? = nil) {
      self.name = name
      self.type = type
      self.sizes = sizes
      self.bytes = bytes
      self.offset = offset
    }
  }

  package var magic = Array("GGUF".utf8)
  package var version: UInt32 = 3
  package var fields: [(key: String, value: Value)] = []
  package var tensors: [Tensor] = []
  package var alignment = 32
  /// Replace the counts when not nil.
  package var tensorCount: UInt64?
  package var fieldCount: UInt64?

  package init() {}

  /// A model of one layer with float32 zeros and the tokenizer of `TinyTokenizer`'s kind.
  package static func model() -> GGUFForge {
    var forge = GGUFForge()
    forge.fields = [
      ("general.architecture", .text("qwen3")), ("qwen3.block_count", .uint32(1)),
      ("qwen3.context_length", .uint32(64)), ("qwen3.embedding_length", .uint32(32)),
      ("qwen3.feed_forward_length", .uint32(64)), ("qwen3.attention.head_count", .uint32(2)),
      ("qwen3.attention.head_count_kv", .uint32(1)), ("qwen3.attention.key_length", .uint32(16)),
      ("qwen3.attention.value_length", .uint32(16)),
      ("qwen3.attention.layer_norm_rms_epsilon", .float(1e-6)), ("qwen3.rope.freq_base", .float(1e6)),
      ("tokenizer.ggml.model", .text("gpt2")), ("tokenizer.ggml.pre", .text("qwen2")),
      ("tokenizer.ggml.tokens", .texts(["a", "b", "<|im_end|>", "[PAD3]"])),
      ("tokenizer.ggml.token_type", .numbers([1, 1, 3, 5])), ("tokenizer.ggml.merges", .texts([])),
      ("tokenizer.ggml.eos_token_id", .uint32(2)),
    ]
    func add(_ name: String, _ sizes: UInt64...) {
      let count = Int(sizes.reduce(1, *))
      forge.tensors.append(
        Tensor(name + ".weight", type: 0, sizes: sizes, bytes: [UInt8](repeating: 0, count: 4 * count)))
    }
    add("token_embd", 32, 4)
    for (name, sizes) in [
      ("attn_norm", [32]), ("attn_q", [32, 32]), ("attn_k", [32, 16]), ("attn_v", [32, 16]),
      ("attn_q_norm", [16]),
      ("attn_k_norm", [16]), ("attn_output", [32, 32]), ("ffn_norm", [32]), ("ffn_gate", [32, 64]),
      ("ffn_up", [32, 64]), ("ffn_down", [64, 32]),
    ] as [(String, [UInt64])] {
      let count = Int(sizes.reduce(1, *))
      forge.tensors.append(
        Tensor(
          "blk.0.\(name).weight", type: 0, sizes: sizes, bytes: [UInt8](repeating: 0, count: 4 * count)))
    }
    add("output_norm", 32)
    return forge
  }

  /// Replaces a value, or removes it.
  package mutating func set(_ key: String, _ value: Value?) {
    let index = fields.firstIndex { $0.key == key }
    switch (index, value) {
    case (let index?, let value?): fields[index].value = value
    case (let index?, nil): fields.remove(at: index)
    case (nil, let value?): fields.append((key, value))
    case (nil, nil): break
    }
  }

  /// Everything before the first tensor, without padding.
  package var header: [UInt8] {
    var bytes = magic + Self.number(version)
    bytes += Self.number(tensorCount ?? UInt64(tensors.count))
    bytes += Self.number(fieldCount ?? UInt64(fields.count))
    for (key, value) in fields { bytes += Self.text(key) + Self.bytes(value) }
    var offset = 0
    for tensor in tensors {
      bytes += Self.text(tensor.name) + Self.number(UInt32(tensor.sizes.count))
      for size in tensor.sizes { bytes += Self.number(size) }
      bytes += Self.number(tensor.type) + Self.number(tensor.offset ?? UInt64(offset))
      offset = aligned(offset + tensor.bytes.count)
    }
    return bytes
  }

  /// The whole file.
  package var bytes: [UInt8] {
    var bytes = header
    bytes += [UInt8](repeating: 0, count: aligned(bytes.count) - bytes.count)
    for tensor in tensors {
      let padding = aligned(tensor.bytes.count) - tensor.bytes.count
      bytes += tensor.bytes + [UInt8](repeating: 0, count: padding)
    }
    return bytes
  }

  private func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  package static func number(_ number: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: number.littleEndian) { Array($0) }
  }

  package static func text(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count)) + Array(text.utf8) }

  private static func bytes(_ value: Value) -> [UInt8] {
    switch value {
    case .uint16(let number): Self.number(UInt32(2)) + Self.number(number)
    case .uint32(let number): Self.number(UInt32(4)) + Self.number(number)
    case .float(let number): Self.number(UInt32(6)) + Self.number(number.bitPattern)
    case .bool(let value): Self.number(UInt32(7)) + [value ? 1 : 0]
    case .text(let text): Self.number(UInt32(8)) + Self.text(text)
    case .texts(let texts):
      Self.number(UInt32(9)) + Self.number(UInt32(8)) + Self.number(UInt64(texts.count))
        + texts.flatMap(Self.text)
    case .numbers(let numbers):
      Self.number(UInt32(9)) + Self.number(UInt32(5)) + Self.number(UInt64(numbers.count))
        + numbers.flatMap { Self.number($0) }
    case .raw(let type, let bytes): Self.number(type) + bytes
    }
  }
}
