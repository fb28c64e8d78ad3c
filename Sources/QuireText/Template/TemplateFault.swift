package import QuireJSON

/// Why a chat template was refused or did not render a chat.
package struct TemplateFault: Error, Equatable, Sendable {
  package enum Kind: Sendable, Equatable {
    /// Not a Jinja template.
    case syntax
    /// Jinja that this interpreter does not know; it is never rendered approximately.
    case unsupported
    /// An operation that Jinja refuses, such as an attribute of an undefined value.
    case operation
    /// What the template itself says with `raise_exception`.
    case raised
    /// More steps, text or nesting than a template may use.
    case limit
  }

  package let kind: Kind
  package let message: String
  /// Line and column in the template.
  package internal(set) var position: JSONPosition?

  init(_ kind: Kind, _ message: String) {
    self.kind = kind
    self.message = message
  }

  static func operation(_ message: String) -> TemplateFault { TemplateFault(.operation, message) }
  static func unsupported(_ message: String) -> TemplateFault { TemplateFault(.unsupported, message) }

  /// The same fault with the position of a byte of the source, unless it has one.
  func located(at offset: Int, in source: [UInt8]) -> TemplateFault {
    if position != nil { return self }
    var fault = self
    let before = source[..<min(offset, source.count)]
    let line = before.count { $0 == UInt8(ascii: "\n") }
    let lineStart = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
    let column = before[lineStart...].count { $0 & 0xC0 != 0x80 }
    fault.position = JSONPosition(line: line + 1, column: column + 1)
    return fault
  }
}

extension TemplateFault: CustomStringConvertible {
  package var description: String {
    let location = position.map { "\($0): " } ?? ""
    return switch kind {
    case .syntax: "chat template, \(location)expected a Jinja template, found a fault: \(message)"
    case .unsupported: "chat template, \(location)\(message) is not supported; use another chat template"
    case .operation: "chat template, \(location)the chat cannot be rendered: \(message)"
    case .raised: "chat template, \(location)the template refuses the chat: \(message)"
    case .limit: "chat template, \(location)\(message); shorten the chat or use another chat template"
    }
  }
}
