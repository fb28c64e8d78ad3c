import QuireJSON
import QuireText

extension HTTPRequest {
  /// The members of the body, which must be a JSON object; the content type is not checked. The header of the answer
  /// names members that `shape` does not have, and parameters of the query.
  ///
  /// - Parameter service: Given for conversations, where the chat format decides about some members.
  func readFields(
    _ shape: RequestShape, _ exchange: HTTPExchange, _ service: Service? = nil
  ) throws(ServingError) -> FieldReader {
    fields(of: try object(), shape, exchange, service)
  }

  /// As `readFields`, for an endpoint that chooses the shape by the members of the body.
  func fields(
    of object: JSONObject, _ shape: RequestShape, _ exchange: HTTPExchange, _ service: Service?
  ) -> FieldReader {
    let known = service?.tokenizer.chatFormat.format.map(shape.adapted(to:)) ?? shape
    let ignored = IgnoredFields(query: QueryFields(self).unread(), of: object, shape: known)
    if let header = ignored.header { exchange.addHeaders([header]) }
    return FieldReader(object)
  }

  /// The body as a JSON object.
  func object() throws(ServingError) -> JSONObject {
    guard !body.isEmpty else {
      throw .rejected(.badField(nil, "request body: expected a JSON object, found nothing; send one"))
    }
    if let encoding = value(of: "Content-Encoding"), encoding.lowercased() != "identity" {
      throw .rejected(
        Rejection(
          status: 415,
          message:
            "Content-Encoding: expected a body that is not compressed, found \(Found.text(encoding)); send it as it is",
          kind: "invalid_request_error", code: "unsupported_encoding"))
    }
    let value: JSONValue
    do {
      value = try JSONValue.parse(body)
    } catch {
      throw .rejected(
        .badField(nil, "request body: expected JSON; \(error.description)", code: "invalid_json"))
    }
    guard let object = value.objectValue else {
      throw .rejected(
        .badField(
          nil, "request body: expected a JSON object, found \(value.kindDescription); send an object"))
    }
    return object
  }
}

extension FieldReader {
  /// Refuses requests for another model than the one that is served. A request may leave the name out.
  func checkModel(_ service: Service) throws(ServingError) {
    guard let name = try string("model"), !service.options.accepts(model: name) else { return }
    throw .rejected(.unknownModel(name, served: service.options.modelName))
  }
}

extension Rejection {
  static func unknownModel(_ name: String, served: String) -> Rejection {
    Rejection(
      status: 404,
      message: "model: expected '\(served)', which is served here, found \(Found.text(name)); ask for that",
      field: "model", code: "model_not_found")
  }
}
