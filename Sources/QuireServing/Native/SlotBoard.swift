import QuireGeneration
import QuireText
import Synchronization

/// A generator that also lists its unfinished requests, for `GET /slots`.
///
/// The engine admits requests about in their order and does not number its slots. So the board numbers them itself: a
/// request gets the lowest free number, or waits for the next one that becomes free.
final class SlotBoard: TextGenerator {
  /// An unfinished request.
  struct Task: Sendable {
    /// Counts all requests of the server from 0.
    let number: Int
    let request: GenerationRequest
    /// `nil` while the request waits.
    var slot: Int?
    /// Tokens of the answer so far.
    var generatedCount = 0
    /// Whether the answer has a line feed so far.
    var hasLineFeed = false
    /// `nil` until the generator has accepted it.
    var id: RequestID?
  }

  private struct Guarded {
    var nextNumber = 0
    var tasks: [Int: Task] = [:]
    /// The task's number per slot.
    var slots: [Int?]
  }

  private let generator: any TextGenerator
  private let guarded: Mutex<Guarded>

  init(_ generator: any TextGenerator) {
    self.generator = generator
    guarded = Mutex(Guarded(slots: [Int?](repeating: nil, count: generator.slotCount)))
  }

  /// The task in each slot; `nil` for a free one.
  var tasks: [Task?] {
    guarded.withLock { state in state.slots.map { $0.flatMap { state.tasks[$0] } } }
  }

  // MARK: TextGenerator

  var contextLength: Int { generator.contextLength }
  var contextLimit: Int { generator.contextLimit }
  var slotCount: Int { generator.slotCount }
  var requestCountMaximum: Int { generator.requestCountMaximum }
  var drafts: Bool { generator.drafts }
  var metrics: EngineMetrics { generator.metrics }

  func submit(
    _ request: GenerationRequest, onEvent: @escaping @Sendable (GenerationEvent) -> Void
  ) throws(GenerationError) -> RequestID {
    let number = add(request)
    do {
      // Events may arrive before this returns.
      let id = try generator.submit(request) { event in
        self.note(event, number)
        onEvent(event)
      }
      guarded.withLock { $0.tasks[number]?.id = id }
      return id
    } catch {
      remove(number)
      throw error
    }
  }

  func cancel(_ id: RequestID) { generator.cancel(id) }

  /// Ends all requests that have been submitted; each receives `FinishReason.cancelled`.
  func cancelAll() {
    for id in guarded.withLock({ $0.tasks.values.compactMap(\.id) }) { generator.cancel(id) }
  }

  // MARK: Tasks

  private func add(_ request: GenerationRequest) -> Int {
    guarded.withLock { state in
      let number = state.nextNumber
      state.nextNumber += 1
      let slot = state.slots.firstIndex { $0 == nil }
      if let slot { state.slots[slot] = number }
      state.tasks[number] = Task(number: number, request: request, slot: slot)
      return number
    }
  }

  private func note(_ event: GenerationEvent, _ number: Int) {
    switch event {
    case .progress, .prompt: return
    case .finished: remove(number)
    case .delta(let parts, _):
      let hasLineFeed = parts.content.utf8.contains(UInt8(ascii: "\n"))
      guarded.withLock { state in
        state.tasks[number]?.generatedCount += 1
        if hasLineFeed { state.tasks[number]?.hasLineFeed = true }
      }
    }
  }

  /// Gives the slot to the request that has waited longest.
  private func remove(_ number: Int) {
    guarded.withLock { state in
      guard let slot = state.tasks.removeValue(forKey: number)?.slot else { return }
      let next = state.tasks.values.filter { $0.slot == nil }.map(\.number).min()
      state.slots[slot] = next
      if let next { state.tasks[next]?.slot = slot }
    }
  }
}
