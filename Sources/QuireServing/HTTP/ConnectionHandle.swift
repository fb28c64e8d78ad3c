import CMicrohttpd

/// A connection of the C library. Only the daemon's thread may use it, except for resuming, which `HTTPExchange` does
/// from any thread.
struct ConnectionHandle: @unchecked Sendable {
  // Unchecked: other threads use it only to resume, inside the mutex of an exchange.
  let pointer: OpaquePointer

  /// Our value that the library stores with the connection.
  var link: ClientLink? {
    cmicrohttpd_connection_context(pointer).map {
      Unmanaged<ClientLink>.fromOpaque($0).takeUnretainedValue()
    }
  }

  /// The headers of the current request, in order.
  func requestHeaders() -> [HTTPHeader] {
    var headers: [HTTPHeader] = []
    withUnsafeMutablePointer(to: &headers) { list in
      cmicrohttpd_each_header(
        pointer,
        { context, _, name, value in
          if let context, let name {
            let value = value.map { String(cString: $0) } ?? ""
            context.assumingMemoryBound(to: [HTTPHeader].self).pointee.append(
              HTTPHeader(String(cString: name), value))
          }
          return cmicrohttpd_result(true)
        }, list)
    }
    return headers
  }

  /// The parameters of the current request's query, in order.
  func queryParameters() -> [QueryParameter] {
    var parameters: [QueryParameter] = []
    withUnsafeMutablePointer(to: &parameters) { list in
      cmicrohttpd_each_parameter(
        pointer,
        { context, _, name, value in
          if let context, let name {
            let value = value.map { String(cString: $0) } ?? ""
            context.assumingMemoryBound(to: [QueryParameter].self).pointee.append(
              QueryParameter(String(cString: name), value))
          }
          return cmicrohttpd_result(true)
        }, list)
    }
    return parameters
  }

  /// Queues a complete answer; `false` when the library refuses it.
  func send(_ response: HTTPResponse) -> Bool {
    let answer = response.body.withUnsafeBytes { cmicrohttpd_response($0.baseAddress, $0.count) }
    return queue(answer, head: response.head)
  }

  /// Queues an answer whose body the exchange streams.
  func stream(_ head: HTTPHead, from exchange: HTTPExchange) -> Bool {
    let answer = MHD_create_response_from_callback(
      UInt64.max,  // Length unknown: chunked in HTTP/1.1, until closed in HTTP/1.0.
      16 << 10,
      { context, _, buffer, capacity in
        guard let context, let buffer else { return cmicrohttpd_end_with_error }
        let exchange = Unmanaged<HTTPExchange>.fromOpaque(context).takeUnretainedValue()
        switch exchange.read(limit: capacity) {
        case .wait: return 0
        case .end: return cmicrohttpd_end_of_stream
        case .close: return cmicrohttpd_end_with_error
        case .bytes(let bytes):
          UnsafeMutableRawPointer(buffer).copyMemory(from: bytes, byteCount: bytes.count)
          return bytes.count
        }
      },
      Unmanaged.passRetained(exchange).toOpaque(),
      { context in
        if let context { Unmanaged<HTTPExchange>.fromOpaque(context).release() }
      })
    return queue(answer, head: head)
  }

  private func queue(_ answer: OpaquePointer?, head: HTTPHead) -> Bool {
    guard let answer else { return false }
    defer { MHD_destroy_response(answer) }
    // The library refuses an empty value or one with control bytes. An answer without that header is better than
    // no answer.
    for header in head.headers { _ = MHD_add_response_header(answer, header.name, header.value) }
    return cmicrohttpd_succeeded(MHD_queue_response(pointer, UInt32(head.status), answer))
  }
}
