import QuireFiles
import CZstd
import QuireTensors

/// Decompresses zstd frames, with every check that needs only the frame and its announced size.
///
/// It owns a zstd context and memory that it reuses. `@unchecked Sendable`: the pool of `PackReader` lends it to
/// one thread at a time.
final class FrameDecoder: @unchecked Sendable {
  private let context: OpaquePointer
  private var planes: [UInt8] = []
  private var storage: [UInt8] = []
  private var packedBytes = 0

  /// Throws when there is not enough memory for it.
  init() throws(FileFailure) {
    guard let context = ZSTD_createDCtx() else { throw .noMemory }
    self.context = context
  }

  deinit { ZSTD_freeDCtx(context) }

  /// Loads the frame at `range` of a file that `read` reads from, given an offset.
  func load(
    _ range: Range<Int>, read: (Int, UnsafeMutableRawBufferPointer) throws(FileFailure) -> Void
  ) throws(FileFailure) {
    packedBytes = range.count
    Self.grow(&storage, to: range.count)
    let failure: FileFailure? = storage.withUnsafeMutableBytes { storage in
      do throws(FileFailure) {
        try read(range.lowerBound, UnsafeMutableRawBufferPointer(rebasing: storage.prefix(range.count)))
      } catch { return error }
      return nil
    }
    if let failure { throw failure }
  }

  /// The loaded frame, as it is in the file.
  func withPacked<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
    storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0.prefix(packedBytes))) }
  }

  /// Decompresses the loaded frame into the whole of `target`, or returns in a few words why it does not fit.
  func unpack(into target: UnsafeMutableRawBufferPointer, joinsBrainFloats: Bool) -> String? {
    guard joinsBrainFloats else { return withPacked { Self.unpack($0, into: target, context) } }
    Self.grow(&planes, to: target.count)
    return planes.withUnsafeMutableBytes { planes in
      let scratch = UnsafeMutableRawBufferPointer(rebasing: planes.prefix(target.count))
      if let fault = withPacked({ Self.unpack($0, into: scratch, context) }) { return fault }
      BrainFloatPlanes.join(UnsafeRawBufferPointer(scratch), into: target)
      return nil
    }
  }

  private static func grow(_ buffer: inout [UInt8], to count: Int) {
    if buffer.count < count { buffer = [UInt8](repeating: 0, count: count) }
  }

  private static func unpack(
    _ frame: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ context: OpaquePointer
  ) -> String? {
    // Bit 2 of the byte after the magic number: without it there is no checksum of the contents.
    guard frame.count > 5, frame.number(at: 0, as: UInt32.self) == quire_zstd_magic, frame[4] & 4 != 0 else {
      return "no zstd frame with a checksum"
    }
    let announced = ZSTD_getFrameContentSize(frame.baseAddress, frame.count)
    guard announced == UInt64(target.count) else {
      return announced == quire_zstd_size_unknown || announced == quire_zstd_size_error
        ? "a frame that announces no size"
        : "a frame that announces \(announced) bytes where \(target.count) belong"
    }
    guard ZSTD_findFrameCompressedSize(frame.baseAddress, frame.count) == frame.count else {
      return "a frame of another size than its bytes"
    }
    let count = ZSTD_decompressDCtx(
      context, target.baseAddress, target.count, frame.baseAddress, frame.count)
    if ZSTD_isError(count) != 0 {
      return "a frame that does not unpack (\(String(cString: ZSTD_getErrorName(count))))"
    }
    return count == target.count ? nil : "\(count) bytes where \(target.count) belong"
  }
}
