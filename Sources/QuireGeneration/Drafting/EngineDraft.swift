package import QuireModel

/// What drafts tokens for an engine's model. It changes the speed of answers, not their content.
package enum EngineDraft: Sendable {
  /// A smaller model with the same token ids.
  case model(Model)
  /// A head that reads the model's hidden states.
  case head(DraftHead)

  package var model: Model? {
    if case .model(let model) = self { model } else { nil }
  }

  package var head: DraftHead? {
    if case .head(let head) = self { head } else { nil }
  }

  package var sizes: DraftSizes {
    switch self {
    case .model(let model): .model(model.configuration)
    case .head(let head): .head(head.configuration)
    }
  }

  /// The sizes of its keys and values.
  package var configuration: ModelConfiguration { sizes.configuration }
}

/// The sizes of what drafts, which are known before its weights are read.
package enum DraftSizes: Sendable {
  case model(ModelConfiguration)
  case head(DraftHeadConfiguration)

  /// The sizes of its keys and values.
  package var configuration: ModelConfiguration {
    switch self {
    case .model(let configuration): configuration
    case .head(let head): head.model
    }
  }
}
