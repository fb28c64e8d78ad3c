/// Reads the bytes of a connection before the HTTP library does and passes on only whole, unambiguous requests.
///
/// libmicrohttpd accepts much that RFC 9112 forbids (a space before a colon, a NUL in a header, two hosts, line
/// feeds alone after chunk sizes) and answers other errors with its own pages. So the head of a request is held back
/// until it is complete and then forwarded in canonical form. Chunks are forwarded without extensions and trailers.
/// Refused input is replaced: a head by an empty request, the rest of a body by its end. So the library always gets
/// a valid request, and `refusal` says how to answer it.
///
///     var checker = RequestChecker(limits: limits)
///     checker.take(received, into: &forwarded)
///     if let refusal = checker.refusal { … }  // answer request `refusal.request` with it, then close
struct RequestChecker {
  struct Refusal: Equatable {
    /// Which request of the connection, from 0.
    let request: Int
    let rejection: Rejection
  }

  private enum Stage: Equatable {
    case head
    /// Bytes of a Content-Length body that have not arrived.
    case body(Int)
    case chunkSize
    /// Bytes of a chunk that have not arrived.
    case chunk(Int)
    case chunkEnd
    case trailer
    /// Nothing more is forwarded.
    case refused
  }

  let limits: HTTPLimits
  private(set) var refusal: Refusal?
  /// Requests that have been forwarded completely.
  private(set) var completeCount = 0
  private var stage = Stage.head
  private var head = RequestHead()
  /// An unfinished line.
  private var line: [UInt8] = []
  /// Bytes of the head or the trailer so far.
  private var lineBytes = 0
  private var chunkedBytes = 0

  init(limits: HTTPLimits) {
    self.limits = limits
  }

  /// Whether a request has started and is not complete.
  var isInsideRequest: Bool { !(stage == .head && lineBytes == 0) && stage != .refused }
  var isInsideBody: Bool { isInsideRequest && stage != .head }

  /// Appends the bytes to forward to `output`. Bytes after a refusal are dropped.
  mutating func take(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) {
    var rest = Slice(base: bytes, bounds: 0..<bytes.count)
    do throws(ServingError) {
      while !rest.isEmpty && stage != .refused { try step(&rest, into: &output) }
    } catch {
      refuse(error.rejection, into: &output)
    }
  }

  private mutating func step(
    _ rest: inout Slice<UnsafeRawBufferPointer>, into output: inout [UInt8]
  ) throws(ServingError) {
    switch stage {
    case .body(let count), .chunk(let count):
      let taken = rest.prefix(count)
      output.append(contentsOf: taken)
      rest = rest.dropFirst(taken.count)
      advance(count - taken.count)
    case .head, .chunkSize, .chunkEnd, .trailer:
      guard let line = try takeLine(&rest) else { return }
      try take(line: line[...], into: &output)
    case .refused: break
    }
  }

  private mutating func advance(_ remaining: Int) {
    if case .chunk = stage {
      stage = remaining > 0 ? .chunk(remaining) : .chunkEnd
    } else if remaining > 0 {
      stage = .body(remaining)
    } else {
      endRequest()
    }
  }

  private mutating func endRequest() {
    completeCount += 1
    stage = .head
    head = RequestHead()
    lineBytes = 0
  }

  // MARK: Lines

  /// The next line without its end, once it is complete.
  private mutating func takeLine(
    _ rest: inout Slice<UnsafeRawBufferPointer>
  ) throws(ServingError) -> [UInt8]? {
    if stage == .head, lineBytes == 0, let first = rest.first, !first.isTokenByte, !Self.isLineEnd(first) {
      // These bytes are not HTTP (perhaps TLS), so do not wait for the end of the line.
      throw .refused(400, "expected a request of HTTP/1.1, found other bytes; use http:// and no encryption")
    }
    let end = rest.firstIndex(of: UInt8(ascii: "\n"))
    let part = rest[..<(end ?? rest.endIndex)]
    line.append(contentsOf: part)
    lineBytes += part.count + (end == nil ? 0 : 1)
    try checkLength()
    guard let end else {
      rest = rest[rest.endIndex...]
      return nil
    }
    rest = rest[(end + 1)...]
    guard line.popLast() == UInt8(ascii: "\r") else {
      throw .refused(400, "expected CR and LF at the end of every line, found LF alone; send both")
    }
    defer { line.removeAll(keepingCapacity: true) }
    return line
  }

  private static func isLineEnd(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n")
  }

  private func checkLength() throws(ServingError) {
    switch stage {
    case .chunkSize, .chunkEnd:
      guard line.count <= ChunkSize.lineBytesMax else {
        throw .refused(
          400, "expected the size of a chunk, found a longer line; send the body with Content-Length")
      }
    default:
      guard lineBytes <= limits.headerBytes else {
        let isTarget = stage == .head && head.isEmpty
        throw .refused(
          isTarget ? 414 : 431,
          "expected at most \(limits.headerBytes) bytes of request line and headers, found more; send less")
      }
    }
  }

  private mutating func take(line: ArraySlice<UInt8>, into output: inout [UInt8]) throws(ServingError) {
    switch stage {
    case .head where line.isEmpty && head.isEmpty:
      // Some clients end a body with an empty line that its length does not count (RFC 9112, 2.2).
      break
    case .head where line.isEmpty: try endHead(into: &output)
    case .head: try head.add(line)
    case .chunkSize: try beginChunk(line, into: &output)
    case .chunkEnd:
      guard line.isEmpty else {
        throw .refused(400, "expected the end of a chunk, found more bytes; correct its size")
      }
      output += "\r\n".utf8
      stage = .chunkSize
    case .trailer:
      if !line.isEmpty {
        _ = try HeaderLine(line)
        return
      }
      output += "0\r\n\r\n".utf8
      endRequest()
    case .body, .chunk, .refused: break
    }
  }

  private mutating func endHead(into output: inout [UInt8]) throws(ServingError) {
    let canonical = try head.finish()
    lineBytes = 0
    switch head.framing {
    case .none, .counted(0):
      output += canonical
      return endRequest()
    case .counted(let count):
      // A client that is disconnected while it sends may lose the answer, so a body that is a little too large is read
      // and dropped (`RequestIntake`). A client that asks first, or sends very much, is answered at once.
      if count > limits.bodyBytes, head.expectsContinue || count > limits.discardedBytes {
        throw .rejected(limits.tooLarge(head.lengthText, isWhole: true))
      }
      stage = .body(count)
    case .chunked:
      chunkedBytes = 0
      stage = .chunkSize
    }
    output += canonical
  }

  private mutating func beginChunk(_ line: ArraySlice<UInt8>, into output: inout [UInt8]) throws(ServingError)
  {
    let size = try ChunkSize(line).bytes
    if size == 0 {
      stage = .trailer
      lineBytes = 0
      return
    }
    let (total, isOverflow) = chunkedBytes.addingReportingOverflow(size)
    guard !isOverflow, total <= limits.discardedBytes else {
      throw .rejected(limits.tooLarge(isOverflow ? size : total, isWhole: false))
    }
    chunkedBytes = total
    output += Array(String(size, radix: 16).utf8) + "\r\n".utf8
    stage = .chunk(size)
  }

  // MARK: Refusals

  private mutating func refuse(_ rejection: Rejection, into output: inout [UInt8]) {
    refusal = Refusal(request: completeCount, rejection: rejection)
    // Only lines are refused, so this is never inside a chunk: it is in a head, at a chunk's size or after its bytes.
    switch stage {
    case .head: output += head.replacement.utf8
    case .chunkEnd: output += "\r\n0\r\n\r\n".utf8
    default: output += "0\r\n\r\n".utf8
    }
    stage = .refused
    line = []
  }
}
