import QuireJSON
import QuireText

extension RequestShape {
  /// The shape of a request with a conversation, for a model with this chat format: its template may read further
  /// variables, and what its answers cannot be held to has no effect.
  func adapted(to format: ChatFormat) -> RequestShape {
    var shape = adding(format.variables, to: ThinkingFields.variablesName)
    if !format.answer.tools.canBeForced {
      for path in ToolDefinition.strictPaths {
        shape = shape.replacing(path[...], with: .unheeded(except: [false]))
      }
    }
    if format.answer.reasoning == nil {
      for path in ThinkingBudget.paths { shape = shape.replacing(path[...], with: .unheeded(except: [-1])) }
    }
    return shape
  }
}
