/// One header line of a request or a response.
package struct HTTPHeader: Sendable, Equatable {
  package let name: String
  package let value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// One parameter of a request's query: `limit=20`. Percent escapes are as sent.
package struct QueryParameter: Sendable, Equatable {
  package let name: String
  /// Empty also where there is no `=`.
  package let value: String

  package init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// A request whose body has arrived in full.
package struct HTTPRequest: Sendable, Equatable {
  /// As sent, so upper case for every method of the standard.
  package let method: String
  /// Without the query, percent escapes left as they are.
  package let path: String
  package let query: [QueryParameter]
  package let headers: [HTTPHeader]
  package var body: [UInt8]

  package init(
    method: String, path: String, query: [QueryParameter] = [], headers: [HTTPHeader] = [], body: [UInt8] = []
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
  }

  /// Values of every header of that name, in order; names compare without case.
  package func values(of name: String) -> [String] {
    headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
  }

  /// The value of the first header of that name.
  package func value(of name: String) -> String? {
    values(of: name).first
  }
}

/// Status and headers of an answer whose body follows.
package struct HTTPHead: Sendable, Equatable {
  /// The status code, 200 … 599.
  package var status: Int
  package var headers: [HTTPHeader]

  package init(status: Int, headers: [HTTPHeader] = []) {
    self.status = status
    self.headers = headers
  }
}

/// A complete answer.
package struct HTTPResponse: Sendable, Equatable {
  package var head: HTTPHead
  package var body: [UInt8]

  package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
    self.head = HTTPHead(status: status, headers: headers)
    self.body = body
  }

  /// An answer whose body is text of the given media type, encoded as UTF-8.
  package init(status: Int, mediaType: String, text: String, headers: [HTTPHeader] = []) {
    self.init(
      status: status, headers: [HTTPHeader("Content-Type", mediaType)] + headers, body: Array(text.utf8))
  }
}
