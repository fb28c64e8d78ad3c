/// Line and column in a JSON text, both from 1; columns count Unicode scalars.
package struct JSONPosition: Sendable, Equatable {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }
}

/// Why a JSON or JSON5 text was refused.
package enum JSONError: Error, Equatable, Sendable {
  /// Unexpected input.
  case unexpected(expected: String, found: String, at: JSONPosition)
  /// A second member of the same name in one object.
  case duplicateKey(String, at: JSONPosition)
  /// Arrays and objects nested deeper than the limit.
  case tooDeep(limit: Int, at: JSONPosition)
  /// More values than the limit.
  case tooManyValues(limit: Int, at: JSONPosition)
  /// Bytes that are not UTF-8.
  case invalidUTF8(at: JSONPosition)
  /// A byte order mark before JSON.
  case byteOrderMark
  /// `\uD800` … `\uDFFF` without the other surrogate.
  case loneSurrogate(at: JSONPosition)
  /// A raw control character inside a string.
  case controlCharacter(UInt8, at: JSONPosition)
  /// An unknown escape such as `\q`.
  case badEscape(found: String, at: JSONPosition)
  /// A number that violates the grammar.
  case badNumber(found: String, hint: String, at: JSONPosition)
  /// A number beyond the range of a 64-bit float.
  case numberTooLarge(literal: String, at: JSONPosition)
  /// `NaN`, `Infinity`.
  case notFinite(found: String, at: JSONPosition)
  /// A string or comment that is still open at the end.
  case unterminated(what: String, at: JSONPosition)
  /// Input after the value.
  case trailing(found: String, at: JSONPosition)
}

extension JSONError: CustomStringConvertible {
  package var description: String {
    switch self {
    case .unexpected(let expected, let found, let at):
      "\(at): expected \(expected), found \(found)"
    case .duplicateKey(let key, let at):
      "\(at): the key \(Self.quoted(key)) is already in this object; keep one of the two"
    case .tooDeep(let limit, let at):
      "\(at): expected arrays and objects nested at most \(limit) deep, found more; write a flatter text"
    case .tooManyValues(let limit, let at):
      "\(at): expected at most \(limit) values, found more; split the text"
    case .invalidUTF8(let at):
      "\(at): expected UTF-8, found an invalid byte; save the text as UTF-8"
    case .byteOrderMark:
      "line 1, column 1: expected a value, found a byte order mark; save the text without one"
    case .loneSurrogate(let at):
      "\(at): a \\u escape names half of a surrogate pair; write both halves or the character itself"
    case .controlCharacter(let byte, let at):
      "\(at): the control character U+00\(Self.hexadecimal(byte)) is not allowed in a string; write it as an escape"
    case .badEscape(let found, let at):
      "\(at): expected an escape such as \\n, \\\" or \\u00e9, found \(found)"
    case .badNumber(let found, let hint, let at):
      "\(at): \(found) is not a number; \(hint)"
    case .numberTooLarge(let literal, let at):
      "\(at): the number \(Self.shortened(literal)) does not fit a 64-bit float; write a finite number"
    case .notFinite(let found, let at):
      "\(at): \(found) is not accepted; write a finite number or null"
    case .unterminated(let what, let at):
      "\(at): the text ends inside \(what) that starts here; close it"
    case .trailing(let found, let at):
      "\(at): expected the end of the text after the value, found \(found); remove what follows the value"
    }
  }

  /// The shortened text in double quotes.
  private static func quoted(_ text: String) -> String { "\"\(shortened(text))\"" }

  private static func shortened(_ text: String) -> String {
    text.unicodeScalars.count > 40
      ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(40))) + "…" : text
  }

  private static func hexadecimal(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16, uppercase: true)
    return digits.utf8.count < 2 ? "0" + digits : digits
  }
}

extension JSONPosition: CustomStringConvertible {
  package var description: String { "line \(line), column \(column)" }
}
