/// The members of a JSON object in the order they were written, with lookup by key.
///
/// Keys are compared by their UTF-8 bytes. Up to ``linearLimit`` members are searched linearly; larger objects have an
/// open-addressing table of member indices (with a random seed, so that hostile keys cannot be made to collide).
package struct JSONObject: Sendable {
  package struct Member: Sendable, Equatable {
    package let key: String
    package var value: JSONValue

    package init(key: String, value: JSONValue) {
      self.key = key
      self.value = value
    }

    package static func == (left: Member, right: Member) -> Bool {
      left.key.hasSameBytes(as: right.key) && left.value == right.value
    }
  }

  package private(set) var members: [Member] = []
  /// Member index + 1 per slot, 0 for an empty slot; a power of two of slots, or none while small.
  private var slots: [UInt32] = []

  private static let linearLimit = 8

  package init() {}

  /// Keys must be distinct.
  package init(uniqueMembers: [Member]) {
    members.reserveCapacity(uniqueMembers.count)
    for member in uniqueMembers {
      let isNew = appendIfNew(member.key, member.value)
      precondition(isNew, "an object built in code names \(member.key) twice")
    }
  }

  package var count: Int { members.count }
  package var isEmpty: Bool { members.isEmpty }
  package var keys: [String] { members.map(\.key) }

  /// The value under a key. Setting replaces in place or appends at the end; setting nil removes the member
  /// (in time linear in the number of members).
  package subscript(key: String) -> JSONValue? {
    get { index(of: key).map { members[$0].value } }
    set {
      guard let newValue else { return remove(key) }
      if let index = index(of: key) {
        members[index].value = newValue
      } else {
        _ = appendIfNew(key, newValue)
      }
    }
  }

  /// Appends a member unless its key is already present; returns whether it was new.
  package mutating func appendIfNew(_ key: String, _ value: JSONValue) -> Bool {
    if slots.isEmpty && members.count < Self.linearLimit {
      guard linearIndex(of: key) == nil else { return false }
      members.append(Member(key: key, value: value))
      return true
    }
    if slots.count < 2 * (members.count + 1) { rebuildSlots(memberCapacity: 2 * (members.count + 1)) }
    let slot = slot(of: key)
    guard slots[slot] == 0 else { return false }
    members.append(Member(key: key, value: value))
    slots[slot] = UInt32(members.count)
    return true
  }

  private mutating func remove(_ key: String) {
    guard let index = index(of: key) else { return }
    members.remove(at: index)
    if !slots.isEmpty { rebuildSlots(memberCapacity: members.count + 1) }
  }

  private func index(of key: String) -> Int? {
    if slots.isEmpty { return linearIndex(of: key) }
    let entry = slots[slot(of: key)]
    return entry == 0 ? nil : Int(entry) - 1
  }

  private func linearIndex(of key: String) -> Int? {
    members.firstIndex { $0.key.hasSameBytes(as: key) }
  }

  /// The slot of the key, or the empty slot to insert it.
  private func slot(of key: String) -> Int {
    let mask = slots.count - 1
    var slot = Self.hash(key) & mask
    while slots[slot] != 0 && !members[Int(slots[slot]) - 1].key.hasSameBytes(as: key) {
      slot = (slot + 1) & mask
    }
    return slot
  }

  private mutating func rebuildSlots(memberCapacity: Int) {
    var slotCount = 4 * Self.linearLimit
    while slotCount < 2 * memberCapacity { slotCount *= 2 }
    slots = [UInt32](repeating: 0, count: slotCount)
    for index in members.indices {
      slots[slot(of: members[index].key)] = UInt32(index + 1)
    }
  }

  private static func hash(_ key: String) -> Int {
    var hasher = Hasher()
    var key = key
    key.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    return hasher.finalize()
  }
}

extension JSONObject: Equatable {
  package static func == (left: JSONObject, right: JSONObject) -> Bool { left.members == right.members }
}
