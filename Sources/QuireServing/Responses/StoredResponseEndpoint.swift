import QuireJSON

/// GET and DELETE /v1/responses/ID, GET /v1/responses/ID/input_items
enum StoredResponseEndpoint {
  private static let prefix = "/responses/"
  private static let itemsSuffix = "/input_items"
  /// No id, but OpenAI's path for shortening a conversation.
  private static let compaction = "compact"
  private static let wholeRoute = Router.Route(
    method: "GET", endpoint: get, deletion: delete,
    parameters: ["stream", "starting_after", "include", "include_obfuscation"])
  private static let itemsRoute = Router.Route(
    method: "GET", endpoint: items, parameters: ["limit", "order", "after", "include"], parsesStored: true)

  /// The route of a path without `/v1`; `nil` if it names no stored response.
  static func route(_ path: String) -> Router.Route? {
    guard path.hasPrefix(prefix) else { return nil }
    let isList = path.hasSuffix(itemsSuffix)
    let id = path.dropFirst(prefix.count).dropLast(isList ? itemsSuffix.count : 0)
    if id.contains("/") || id == compaction || isList && id.isEmpty { return nil }
    return isList ? itemsRoute : wholeRoute
  }

  /// What OpenAI's servers do at a path without `/v1` and this server does not; `nil` for any other path.
  static func missingFeature(_ path: String) -> String? {
    guard path.hasPrefix(prefix) else { return nil }
    let parts = path.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
    if parts == [compaction[...]] { return "shortening conversations" }
    return parts.count == 2 && parts[1] == "cancel" ? "cancelling responses that run in the background" : nil
  }

  private static func get(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let id = id(request)
    guard let response = service.responses.response(id) else { throw missing(id) }
    try check(QueryFields(request))
    exchange.respond(.json(serialized: response))
  }

  /// Refuses what would change the answer. OpenAI's servers stream stored responses, too, but only those that were made
  /// in the background, which this server does not do.
  private static func check(_ query: QueryFields) throws(ServingError) {
    let reason = "a stored response is returned whole"
    try query.require("stream", isOneOf: ["false"], because: reason)
    try query.require("starting_after", isOneOf: [], because: reason)
    try checkInclude(query)
  }

  private static func checkInclude(_ query: QueryFields) throws(ServingError) {
    try query.require(
      "include", isOneOf: ResponsesRequest.includable.filter { $0 != ResponsesRequest.logprobsName },
      because: "a stored response has what its own request asked for")
  }

  /// The items that the response answers, the newest first unless `order` is `asc`.
  private static func items(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let id = id(request)
    guard let stored = service.responses.inputItems(id) else { throw missing(id) }
    let query = QueryFields(request)
    try checkInclude(query)
    let limit = try query.int("limit", in: 1...100) ?? 20
    try query.require("order", isOneOf: ["asc", "desc"], because: "items are listed by their age")
    var items = stored.map(StoredItem.init)
    if query.value("order") != "asc" { items.reverse() }
    if let after = query.value("after") {
      guard let index = items.firstIndex(where: { $0.id == after }) else {
        throw .rejected(
          .badField(
            "after", "after: expected the id of an item of this list, found \(Found.text(after)); correct it")
        )
      }
      items.removeFirst(index + 1)
    }
    let page = items.prefix(limit)
    exchange.respond(
      .json([
        "object": "list", "data": .array(page.map(\.json)), "has_more": .bool(page.count < items.count),
        "first_id": page.first.map { .string($0.id) } ?? .null,
        "last_id": page.last.map { .string($0.id) } ?? .null,
      ]))
  }

  private static func delete(
    _ request: HTTPRequest, _ exchange: HTTPExchange, _ service: Service
  ) throws(ServingError) {
    let id = id(request)
    guard service.responses.remove(id) else { throw missing(id) }
    exchange.respond(.json(["id": .string(id), "object": "response", "deleted": true]))
  }

  private static func id(_ request: HTTPRequest) -> String {
    let rest = Router.plainPath(request.path).dropFirst(prefix.count)
    return String(rest.hasSuffix(itemsSuffix) ? rest.dropLast(itemsSuffix.count) : rest)
  }

  /// The beginning of the sentence is OpenAI's.
  private static func missing(_ id: String) -> ServingError {
    .rejected(
      Rejection(
        status: 404,
        message:
          "Response with id '\(Found.plain(id))' not found. Expected one that was stored since the server started and "
          + "not dropped for newer ones; send the request again",
        code: "response_not_found"))
  }
}
