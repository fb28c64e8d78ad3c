import QuireCheckpoints
import QuireFiles
import QuireJSON
import QuireModelFiles
import QuireTensors
import QuireText

/// Writes an export that is one GGUF file, version 3: magic, counts, metadata, the tensors' entries, then their bytes,
/// each tensor at a multiple of 32.
struct GGUFWriter {
  let plan: ExportPlan

  /// Writes everything; the file appears under its name at the end.
  func write(to path: String, progress: (_ doneBytes: Int) -> Void) throws(ExportError) {
    // The queue's threads use it one after the other, and this one only when the queue has finished.
    nonisolated(unsafe) let file = try writing(path) { () throws(FileFailure) in
      try AtomicFile(path: path, beginning: Exporter.ggufBeginning)
    }
    file.startsWritingEarly = true
    let head = try head()
    try writing(path) { () throws(FileFailure) in try file.write(head) }
    let writer = TensorWriter(plan.source)
    let queue = WriteQueue { (bytes) throws(ExportError) in
      try writing(path) { () throws(FileFailure) in try file.write(bytes) }
    }
    var (done, end) = (0, head.count)
    for planned in plan.tensors {
      for output in planned.outputs {
        try writer.write(output, of: planned) { (bytes, owner) throws(ExportError) in
          try queue.add(bytes, of: owner)
          done += bytes.count
          end += bytes.count
          progress(done)
        }
      }
      let padding = HostBuffer([UInt8](repeating: 0, count: Self.aligned(end) - end))
      try queue.add(UnsafeRawBufferPointer(padding.bytes), of: padding)
      end += padding.count
    }
    try queue.finish()
    try writing(path) { () throws(FileFailure) in try file.commit() }
  }

  /// Everything before the first tensor.
  private func head() throws(ExportError) -> [UInt8] {
    let tokenizer = try reading { () throws(ModelFileError) in try plan.model.tokenizer() }
    let generation = try plan.generation()
    let entries =
      GGUFMetadata(plan: plan, generation: generation).entries
      + GGUFTokenizer(tokenizer, plan.configuration, generation).entries
    var bytes = GGUFBytes()
    bytes.append(bytes: GGUFFormat.magic)
    bytes.append(GGUFFormat.version)
    bytes.append(UInt64(plan.tensors.count))
    bytes.append(UInt64(entries.count))
    for (key, value) in entries {
      bytes.append(key)
      value.append(to: &bytes)
    }
    var offset = 0
    for tensor in plan.tensors {
      appendEntry(of: tensor, offset: offset, to: &bytes)
      offset = Self.aligned(offset + tensor.byteCount)
    }
    bytes.pad(to: GGUFFormat.alignment)
    return bytes.storage
  }

  private func appendEntry(of tensor: ExportedTensor, offset: Int, to bytes: inout GGUFBytes) {
    bytes.append(tensor.outputs[0].name)
    bytes.append(UInt32(tensor.shape.count))
    // The contiguous dimension comes first.
    for size in tensor.shape.reversed() { bytes.append(UInt64(size)) }
    bytes.append(Self.type(tensor.encoding))
    bytes.append(UInt64(offset))
  }

  /// ggml's number for a type.
  private static func type(_ encoding: TensorEncoding) -> UInt32 {
    switch encoding {
    case .floats(.float16): GGUFType.f16.rawValue
    case .floats(.bfloat16): GGUFType.bf16.rawValue
    case .floats: GGUFType.f32.rawValue
    case .q4Blocks: GGUFType.q40.rawValue
    case .iq4Blocks: GGUFType.iq4NL.rawValue
    case .q8Blocks: GGUFType.q80.rawValue
    case .int8Channels, .packed: preconditionFailure("\(encoding) is not GGUF's")
    }
  }

  private static func aligned(_ count: Int) -> Int {
    (count + GGUFFormat.alignment - 1) / GGUFFormat.alignment * GGUFFormat.alignment
  }
}
