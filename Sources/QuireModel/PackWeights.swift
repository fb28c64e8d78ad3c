import QuireJSON
package import QuirePacks
package import QuireTensors
import Synchronization

/// A model's tensors decompressed from a pack directly into the memory that kernels read.
///
/// Creation decompresses the frames of all requested tensors, divided over a thread team; only norms are converted.
package struct PackWeights: WeightSource {
  private let path: String
  private let tensors: [String: Unpacked]

  /// A tensor and its streams' contents in the pack's order.
  private struct Unpacked {
    let tensor: PackTensor
    let streams: [HostBuffer<UInt8>]
  }

  /// Decompresses `names`. Throws when one is missing or has another shape than `configuration` says, or when the
  /// pack is damaged. `onProgress` gets the number of decompressed frames and of all, from any thread.
  package init(
    _ pack: PackReader, configuration: ModelConfiguration, names: [TensorName], team: ThreadTeam,
    onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ModelError) {
    path = pack.path
    var tensors: [String: Unpacked] = [:]
    var jobs = FrameJobs()
    // All are looked up before memory is allocated for the first.
    var found: [PackTensor] = []
    for name in names { found.append(try Self.find(name, in: pack, configuration)) }
    for tensor in found {
      let streams = tensor.streams.map { stream in
        let buffer = HostBuffer<UInt8>(count: stream.rawBytes)
        jobs.append(stream, into: buffer)
        return buffer
      }
      tensors[tensor.name] = Unpacked(tensor: tensor, streams: streams)
    }
    self.tensors = tensors
    try Self.unpack(jobs, from: pack, team: team, onProgress: onProgress)
  }

  private static func find(
    _ name: TensorName, in pack: PackReader, _ configuration: ModelConfiguration
  ) throws(ModelError) -> PackTensor {
    let shape = name.shape(in: configuration)
    guard let tensor = pack.tensor(name.string) else {
      throw .tensor(name: name.string, expected: "in the pack \(pack.path)", found: "missing")
    }
    guard tensor.shape == shape else {
      throw .tensor(name: name.string, expected: "of shape \(shape)", found: "of shape \(tensor.shape)")
    }
    return tensor
  }

  /// Threads take one frame after the other until none is left or one fails.
  private static func unpack(
    _ jobs: FrameJobs, from pack: PackReader, team: ThreadTeam,
    onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void
  ) throws(ModelError) {
    let next = Atomic<Int>(0)
    let finished = Atomic<Int>(0)
    let failure = Mutex<PackError?>(nil)
    team.run { _, _ in
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < jobs.count else { return }
        let job = jobs.job(index, in: pack)
        do throws(PackError) {
          let target = UnsafeMutableRawBufferPointer(rebasing: job.buffer.bytes[job.frame.range])
          try pack.readFrame(job.frame, into: target)
          onProgress(finished.add(1, ordering: .relaxed).newValue, jobs.count)
        } catch {
          failure.withLock { $0 = $0 ?? error }
          next.store(jobs.count, ordering: .relaxed)
        }
      }
    }
    if let error = failure.withLock({ $0 }) { throw .pack(error.description) }
  }

  package func matrix(_ name: TensorName, rows: Int, columns: Int) throws(ModelError) -> WeightMatrix {
    let unpacked = self.unpacked(name)
    let contents = unpacked.streams[0]
    guard let element = PackScheme.element(unpacked.tensor.scheme) else {
      return .quantized(try quantized(unpacked, rows: rows, columns: columns))
    }
    return .dense(
      DenseMatrix(
        rows: rows, columns: columns, element: element, base: UnsafeRawPointer(contents.pointer),
        owner: contents))
  }

  private func quantized(
    _ unpacked: Unpacked, rows: Int, columns: Int
  ) throws(ModelError) -> QuantizedMatrix {
    guard let format = WeightFormat(name: unpacked.tensor.scheme, group: unpacked.tensor.group),
      unpacked.streams.count == (format.isSymmetric ? 2 : 3)
    else { preconditionFailure("the pack reader accepted scheme \(unpacked.tensor.scheme)") }
    let scales = unpacked.streams[1]
    do {
      let matrix = try QuantizedMatrix(
        rows: rows, columns: columns, format: format,
        codes: UnsafeRawBufferPointer(unpacked.streams[0].bytes),
        scales: UnsafeBufferPointer(scales.bytes.bindMemory(to: UInt16.self)),
        zeros: UnsafeRawBufferPointer(
          format.isSymmetric ? .init(start: nil, count: 0) : unpacked.streams[2].bytes),
        owner: Streams(unpacked.streams))
      try matrix.checkScales()
      return matrix
    } catch {
      throw .pack("\(path): tensor \(unpacked.tensor.name): \(error.description)")
    }
  }

  /// Keeps the memory of a matrix's streams alive.
  private final class Streams: Sendable {
    let buffers: [HostBuffer<UInt8>]
    init(_ buffers: [HostBuffer<UInt8>]) { self.buffers = buffers }
  }

  package func norm(_ name: TensorName, count: Int) throws(ModelError) -> HostBuffer<Float> {
    let unpacked = self.unpacked(name)
    guard let element = PackScheme.element(unpacked.tensor.scheme) else {
      throw .tensor(
        name: name.string, expected: "of scheme bf16 or float32", found: "of scheme \(unpacked.tensor.scheme)"
      )
    }
    let contents = unpacked.streams[0]
    let values = WeightMatrix.dense(
      DenseMatrix(
        rows: 1, columns: count, element: element, base: UnsafeRawPointer(contents.pointer), owner: contents)
    ).dequantized(kernels: Kernels(.portable))
    guard values.buffer.allSatisfy(\.isFinite) else {
      throw .tensor(name: name.string, expected: "of finite numbers", found: "with a NaN or an infinity")
    }
    return values
  }

  private func unpacked(_ name: TensorName) -> Unpacked {
    guard let unpacked = tensors[name.string] else { preconditionFailure("\(name) was not asked for") }
    return unpacked
  }
}

/// The manifest's names for matrices that are not quantized.
enum PackScheme {
  static func name(_ element: ElementType) -> String {
    switch element {
    case .bfloat16: "bf16"
    case .float16: "float16"
    case .float32: "float32"
    default: preconditionFailure("no weights are \(element.rawValue)")
    }
  }

  /// nil for quantized schemes.
  static func element(_ name: String) -> ElementType? {
    [ElementType.bfloat16, .float16, .float32].first { self.name($0) == name }
  }
}

extension Model {
  /// Reads a whole model; its configuration is in the manifest. Throws ModelError when the pack is damaged, or its
  /// tensors do not fit its configuration.
  package convenience init(
    pack: PackReader, team: ThreadTeam,
    onProgress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws(ModelError) {
    let configuration = try pack.modelConfiguration()
    let weights = try PackWeights(
      pack, configuration: configuration, names: configuration.tensorNames, team: team,
      onProgress: onProgress)
    try self.init(configuration: configuration, source: weights)
  }
}
