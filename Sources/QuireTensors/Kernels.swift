package import CKernels

/// The instruction sets that have their own kernels, those of one architecture from the slowest to the fastest.
package enum InstructionSet: String, Sendable, CaseIterable {
  case portable, avx2, avxvnni, avx512, amx
  /// Of AArch64: the dot product instructions, and those with matrix products of bytes too.
  case dotprod, i8mm

  package var kernelValue: quire_isa {
    switch self {
    case .portable: QUIRE_ISA_PORTABLE
    case .avx2: QUIRE_ISA_AVX2
    case .avxvnni: QUIRE_ISA_AVX_VNNI
    case .avx512: QUIRE_ISA_AVX512
    case .amx: QUIRE_ISA_AMX
    case .dotprod: QUIRE_ISA_DOTPROD
    case .i8mm: QUIRE_ISA_I8MM
    }
  }

  /// Whether this CPU and system can run it.
  package var isSupported: Bool { quire_isa_supported(kernelValue) != 0 }

  package static var supported: [InstructionSet] { allCases.filter(\.isSupported) }

  /// The fastest one that this CPU runs.
  package static var detected: InstructionSet { allCases.last(where: \.isSupported) ?? .portable }

  /// The instruction set with this name; throws a sentence that lists what this CPU supports.
  package init(name: String) throws(TensorError) {
    guard let set = InstructionSet(rawValue: name), set.isSupported else {
      throw .instructionSet(wanted: "'\(name)'", supported: Self.supported.map(\.rawValue))
    }
    self = set
  }
}

/// The inner loops of one instruction set. All of them compute the same bits.
// Unchecked: an immutable table of functions with static lifetime.
package struct Kernels: @unchecked Sendable {
  package let instructionSet: InstructionSet
  let table: UnsafePointer<quire_kernels>

  /// - Parameter avoidsVBMI: of AVX-512 the kernels of CPUs without VBMI, also where this one has it.
  package init(_ instructionSet: InstructionSet = .detected, avoidsVBMI: Bool = false) {
    precondition(instructionSet.isSupported, "\(instructionSet) cannot run here")
    self.instructionSet = instructionSet
    let usesVBMI = instructionSet == .avx512 && !avoidsVBMI && quire_isa_supported(QUIRE_ISA_AVX512_VBMI) != 0
    table = quire_kernels_for(usesVBMI ? QUIRE_ISA_AVX512_VBMI : instructionSet.kernelValue)
  }

  /// All that this CPU runs.
  package static var runnable: [Kernels] {
    InstructionSet.supported.flatMap { set in
      set == .avx512 ? [Kernels(set, avoidsVBMI: true), Kernels(set)] : [Kernels(set)]
    }
  }

  /// `y = x / sqrt(mean(x²) + epsilon) * weight` over one row of `count`; `y` may be `x`.
  package func rmsNorm(
    _ x: UnsafePointer<Float>, weight: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int,
    epsilon: Float
  ) {
    table.pointee.rms_norm(x, weight, y, Int32(count), epsilon)
  }

  /// Rotates the pairs (i, i + count/2) of one head in place; cosines and sines have count/2 values.
  package func rotate(
    _ x: UnsafeMutablePointer<Float>, cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, count: Int
  ) {
    table.pointee.rotate(x, cosines, sines, Int32(count))
  }

  /// `y = silu(gate) * up`; `y` may be `gate`.
  package func swiGLU(
    gate: UnsafePointer<Float>, up: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int
  ) {
    table.pointee.swiglu(gate, up, y, Int32(count))
  }

  /// `y = exp(x)`; 0 below −87.3, NaN for NaN.
  package func exponential(_ x: UnsafePointer<Float>, into y: UnsafeMutablePointer<Float>, count: Int) {
    table.pointee.exponential(x, y, count)
  }

  /// The cost of rounding a group of weights to multiples of `scale`: `Σ importance · (w − code · scale)²`, with
  /// the nearest code in `codes`, ties to even. Precondition: `scale` is not 0 and no weight is beyond 2²² times it.
  package func roundingError(
    of weights: UnsafePointer<Float>, importances: UnsafePointer<Float>, count: Int, scale: Float,
    codes: ClosedRange<Int32>
  ) -> Float {
    table.pointee.rounding_error(
      weights, importances, Int32(count), scale, Float(codes.lowerBound), Float(codes.upperBound))
  }
}

/// One query vector, the row it produces and how many keys it sees.
package typealias AttentionRow = quire_attention_row

extension AttentionRow {
  /// - Parameters:
  ///   - query: headSize floats, already normed and rotated.
  ///   - output: headSize floats.
  ///   - visibleKeys: the row attends to positions 0..<visibleKeys.
  package init(from query: UnsafePointer<Float>, into output: UnsafeMutablePointer<Float>, visibleKeys: Int) {
    self.init(query: query, output: output, visible: Int32(visibleKeys))
  }
}

/// The format of keys and values in the cache.
package enum KeyValueElement: String, Sendable, CaseIterable {
  case float32, float16
  /// Codes with a scale per head and token; both products of attention are in integer arithmetic.
  case int8

  /// Bytes of one block of one KV head's keys, or of its values.
  package func blockBytes(headSize: Int) -> Int {
    switch self {
    case .float32: Kernels.keyValueBlockSize * headSize * 4
    case .float16: Kernels.keyValueBlockSize * headSize * 2
    case .int8: Int(quire_int8_block_bytes(Int32(headSize)))
    }
  }

  /// Whether heads of this size can have this format: int8 needs multiples of 16 up to 512.
  package func holds(headSize: Int) -> Bool {
    self != .int8 || (headSize % 16 == 0 && headSize <= Int(QUIRE_HEAD_MAX))
  }

  var kernelElement: quire_element {
    switch self {
    case .float32: QUIRE_F32
    case .float16: QUIRE_F16
    case .int8: QUIRE_I8
    }
  }
}

extension Kernels {
  /// Positions in a block of the KV cache.
  package static let keyValueBlockSize = Int(QUIRE_KV_BLOCK)

  /// Attention of query rows over one KV head of one sequence.
  ///
  /// Block `b` of the head begins `blocks[b] * blockStride` bytes after `keys` and `values`; layouts in `blocks.h`:
  /// keys (dimension, position), values (position, dimension).
  package func attention(
    rows: UnsafeBufferPointer<AttentionRow>, keys: UnsafeRawPointer, values: UnsafeRawPointer,
    blocks: UnsafePointer<Int32>, blockStride: Int, headSize: Int, element: KeyValueElement, scale: Float
  ) {
    var context = quire_attention_context(
      keys: keys, values: values, blocks: blocks, block_stride: Int64(blockStride),
      head_size: Int32(headSize),
      element: element.kernelElement, scale: scale)
    table.pointee.attention(&context, rows.baseAddress, Int32(rows.count))
  }

  /// Stores one key and one value (headSize floats each) at position `slot` of a block of one KV head.
  package func storeKeyValue(
    key: UnsafePointer<Float>, value: UnsafePointer<Float>, keyBlock: UnsafeMutableRawPointer,
    valueBlock: UnsafeMutableRawPointer, slot: Int, headSize: Int, element: KeyValueElement
  ) {
    table.pointee.store_kv(
      key, value, keyBlock, valueBlock, Int32(slot), Int32(headSize), element.kernelElement)
  }
}
