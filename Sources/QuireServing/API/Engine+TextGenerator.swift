package import QuireGeneration

extension Engine: TextGenerator {
  package var contextLength: Int { shape.contextLength }
  package var contextLimit: Int { shape.contextLimit }
  package var slotCount: Int { shape.maximumSlots }
  package var requestCountMaximum: Int { shape.maximumRequests }
  package var drafts: Bool { shape.lookup != .off || shape.modelDrafts != .off }
}
