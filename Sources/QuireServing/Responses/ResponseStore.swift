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

    var byteCount: Int { response.count + items.count }
  }

  private struct Guarded {
    var entries: [String: Entry] = [:]
    /// Ids, the oldest first.
    var order: [String] = []
    /// The response of each item, by the item's id.
    var owners: [String: String] = [:]
    var byteCount = 0

    mutating func remove(_ id: String) -> Bool {
      guard let entry = entries.removeValue(forKey: id) else { return false }
      byteCount -= entry.byteCount
      order.removeAll { $0 == id }
      for item in entry.outputIDs { owners[item] = nil }
      return true
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
    let output = response["output"]?.arrayValue ?? []
    let entry = Entry(
      response: response.serializedBytes(), items: items,
      outputIDs: output.compactMap { $0["id"]?.stringValue })
    guard entry.byteCount <= byteLimit else { return false }
    guarded.withLock { state in
      // bounded: each entry and so their sum is at most the limit
      while let oldest = state.order.first,
        state.byteCount > byteLimit - entry.byteCount || state.order.count >= Self.countMaximum
      {
        _ = state.remove(oldest)
      }
      state.entries[id] = entry
      state.order.append(id)
      for item in entry.outputIDs { state.owners[item] = id }
      state.byteCount += entry.byteCount
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

  /// The items of stored responses with these ids, as far as there are any.
  func items(named ids: Set<String>) -> [String: JSONValue] {
    let responses = guarded.withLock { state in
      Set(ids.compactMap { state.owners[$0] }).compactMap { state.entries[$0]?.response }
    }
    var items: [String: JSONValue] = [:]
    for response in responses {
      for item in (try? JSONValue.parse(response)["output"]?.arrayValue) ?? [] {
        if let id = item["id"]?.stringValue, ids.contains(id) { items[id] = item }
      }
    }
    return items
  }

  /// Whether there was such a response.
  func remove(_ id: String) -> Bool { guarded.withLock { $0.remove(id) } }
}
