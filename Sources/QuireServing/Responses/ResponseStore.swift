import QuireJSON
import Synchronization

/// The latest responses, so that a request can continue one by its id. They are in memory only and end with the process.
/// The oldest are dropped when the limits are reached.
final class ResponseStore: Sendable {
  /// Serialized: parsed JSON takes several times as much memory.
  private struct Entry {
    let response: [UInt8]
    /// The items that it answers, all earlier ones included.
    let items: [UInt8]
    /// The ids of the items of the response.
    let outputIDs: [String]
    /// The ids of the items that it answers.
    let inputIDs: [String]

    var byteCount: Int { response.count + items.count }
  }

  private struct Guarded {
    var entries: [String: Entry] = [:]
    /// Ids, the oldest first.
    var order: [String] = []
    /// The response of each item, by the item's id.
    var owners: [String: String] = [:]
    /// The responses that answer an item, by the item's id; the oldest first.
    var answers: [String: [String]] = [:]
    var byteCount = 0

    mutating func remove(_ id: String) -> Bool {
      guard let entry = entries.removeValue(forKey: id) else { return false }
      byteCount -= entry.byteCount
      order.removeAll { $0 == id }
      for item in entry.outputIDs { owners[item] = nil }
      for item in entry.inputIDs {
        let rest = answers[item]?.filter { $0 != id } ?? []
        answers[item] = rest.isEmpty ? nil : rest
      }
      return true
    }

    mutating func insert(_ entry: Entry, id: String) {
      entries[id] = entry
      order.append(id)
      for item in entry.outputIDs { owners[item] = id }
      for item in entry.inputIDs { answers[item, default: []].append(id) }
      byteCount += entry.byteCount
    }
  }

  static let countMaximum = 4096

  private let byteLimit: Int
  private let guarded = Mutex(Guarded())

  /// `byteLimit`: of all responses together; 0 stores none.
  init(byteLimit: Int) {
    self.byteLimit = byteLimit
  }

  var isEnabled: Bool { byteLimit > 0 }

  /// Stores a response. Returns false if it is larger than the whole store.
  ///
  /// - Parameter items: The array of the items that it answers, serialized.
  func add(_ response: JSONValue, id: String, after items: [UInt8]) -> Bool {
    let entry = Entry(
      response: response.serializedBytes(), items: items, outputIDs: Self.ids(of: response["output"]),
      inputIDs: Self.ids(of: try? JSONValue.parse(items)))
    guard entry.byteCount <= byteLimit else { return false }
    guarded.withLock { state in
      // bounded: each entry and so their sum is at most the limit
      while let oldest = state.order.first,
        state.byteCount > byteLimit - entry.byteCount || state.order.count >= Self.countMaximum
      {
        _ = state.remove(oldest)
      }
      state.insert(entry, id: id)
    }
    return true
  }

  /// A stored response, serialized; `nil` if there is none with this id.
  func response(_ id: String) -> [UInt8]? { guarded.withLock { $0.entries[id]?.response } }

  /// The items that a stored response answers, all earlier ones included.
  func inputItems(_ id: String) -> [JSONValue]? {
    guard let bytes = guarded.withLock({ $0.entries[id]?.items }) else { return nil }
    return try? JSONValue.parse(bytes).arrayValue
  }

  /// The conversation up to the end of a stored response, as items.
  func items(_ id: String) -> [JSONValue]? {
    guard let items = inputItems(id), let response = response(id),
      let output = try? JSONValue.parse(response)["output"]?.arrayValue
    else { return nil }
    return items + output
  }

  private static func ids(of items: JSONValue?) -> [String] {
    items?.arrayValue?.compactMap { $0["id"]?.stringValue } ?? []
  }

  /// The items of stored responses with these ids, as far as there are any: those of the responses themselves, and for
  /// other ids those that the latest response answers.
  func items(named ids: Set<String>) -> [String: JSONValue] {
    let (outputs, inputs) = guarded.withLock { state in
      let inputIDs = ids.filter { state.owners[$0] == nil }
      return (
        Set(ids.compactMap { state.owners[$0] }).compactMap { state.entries[$0]?.response },
        Set(inputIDs.compactMap { state.answers[$0]?.last }).compactMap { id in
          state.entries[id].map { (items: $0.items, ids: inputIDs.filter { state.answers[$0]?.last == id }) }
        }
      )
    }
    var found: [String: JSONValue] = [:]
    for (bytes, wanted) in inputs {
      Self.collect(wanted, from: try? JSONValue.parse(bytes), into: &found)
    }
    for response in outputs {
      Self.collect(ids, from: (try? JSONValue.parse(response))?["output"], into: &found)
    }
    return found
  }

  private static func collect(
    _ ids: Set<String>, from items: JSONValue?, into found: inout [String: JSONValue]
  ) {
    for item in items?.arrayValue ?? [] {
      if let id = item["id"]?.stringValue, ids.contains(id) { found[id] = item }
    }
  }

  /// Whether there was such a response.
  func remove(_ id: String) -> Bool { guarded.withLock { $0.remove(id) } }
}
