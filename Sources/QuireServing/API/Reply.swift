import QuireGeneration
import QuireJSON

/// Turns the events of an API request's choices into JSON. A value without threads or sockets: `GenerationRun`
/// passes events to it and sends what it returns.
protocol Reply: Sendable {
  /// Whether every returned value is sent immediately, as a server-sent event.
  var isStreamed: Bool { get }

  /// The form of errors.
  var errorFormat: ErrorFormat { get }

  /// Whether a stream ends with `[DONE]`.
  var endsWithDone: Bool { get }

  /// The first events of a stream.
  mutating func open() -> [ReplyEvent]

  /// The events to send for one event of a choice; none unless streamed.
  mutating func receive(_ event: GenerationEvent, choice: Int) -> [ReplyEvent]

  /// The events to send when every choice has finished: the whole answer unless streamed.
  mutating func close() -> [ReplyEvent]

  /// The last events of a stream that cannot be finished.
  mutating func fail(_ rejection: Rejection, requestID: String) -> [ReplyEvent]
}

extension Reply {
  var errorFormat: ErrorFormat { .openAI }
  var endsWithDone: Bool { true }

  /// The status was already sent; API clients look for an error among the events.
  mutating func fail(_ rejection: Rejection, requestID: String) -> [ReplyEvent] {
    [ReplyEvent(errorFormat.body(rejection, requestID: requestID))]
  }
}

/// A value that a reply sends: an event of a stream, or the whole answer.
struct ReplyEvent: Sendable {
  /// The event's name; nil in the streams of completions, whose events have none.
  let name: String?
  let value: JSONValue

  init(_ value: JSONValue, name: String? = nil) {
    (self.name, self.value) = (name, value)
  }

  /// The bytes of the event in a stream.
  var bytes: [UInt8] {
    let data = EventStream.event(value.serialized())
    return name.map { Array("event: \($0)\n".utf8) + data } ?? data
  }
}
