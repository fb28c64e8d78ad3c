import Foundation

/// A format such as `>8.2f`, for the usual types of Python's format language: `s`, `d`, `x`, `X`, `o`, `b`, `f`, `e`,
/// `g` and `%`.
struct TemplateFormatSpecification {
  private var fill: TemplateText = TemplateText(template: " ")
  private var alignment: Character?
  private var sign: Character = "-"
  private var isAlternate = false
  private var width = 0
  private var groups = false
  private var precision: Int?
  private var type: Character?

  init(_ text: TemplateText) throws(TemplateFault) {
    var rest = Array(text.string)[...]
    if rest.count > 1, "<>=^".contains(rest[rest.startIndex + 1]) {
      fill = TemplateText(template: String(rest.removeFirst()))
      alignment = rest.removeFirst()
    } else if let first = rest.first, "<>=^".contains(first) {
      alignment = rest.removeFirst()
    }
    if let first = rest.first, "+- ".contains(first) { sign = rest.removeFirst() }
    if rest.first == "#" {
      isAlternate = true
      rest.removeFirst()
    }
    if rest.first == "0" {
      rest.removeFirst()
      if alignment == nil { (fill, alignment) = (TemplateText(template: "0"), "=") }
    }
    width = try Self.number(&rest) ?? 0
    if rest.first == "," {
      groups = true
      rest.removeFirst()
    }
    if rest.first == "." {
      rest.removeFirst()
      guard let digits = try Self.number(&rest) else {
        throw .operation("Format specifier missing precision")
      }
      precision = digits
    }
    type = rest.popFirst()
    guard rest.isEmpty, type.map({ "sdxXobfFeEgG%".contains($0) }) ?? true else {
      throw .unsupported("the format '\(text.string)'")
    }
  }

  private static func number(_ rest: inout ArraySlice<Character>) throws(TemplateFault) -> Int? {
    let digits = rest.prefix { "0123456789".contains($0) }
    if digits.isEmpty { return nil }
    rest.removeFirst(digits.count)
    guard let value = Int(String(digits)), value <= 1000 else {
      throw .unsupported("a format wider than 1000")
    }
    return value
  }

  func apply(to value: TemplateValue, _ work: TemplateWork) throws(TemplateFault) -> TemplateText {
    switch value {
    case .text(let text):
      guard type == nil || type == "s", alignment != "=" else {
        throw .operation("Unknown format code for object of type 'str'")
      }
      return padded(text.prefix(precision), sign: "", defaultAlignment: "<")
    case .bool where type == nil || type == "s":
      return padded(try value.printed(work), sign: "", defaultAlignment: "<")
    case .int, .bool:
      guard let integer = value.index, type != "s" else {
        throw .operation("Unknown format code 's' for object of type 'int'")
      }
      if let type, "fFeEgG%".contains(type) { return try number(Double(integer)) }
      return try number(integer)
    case .float(let double):
      guard type.map({ !"sdxXob".contains($0) }) ?? true else {
        throw .operation("Unknown format code '\(type ?? "d")' for object of type 'float'")
      }
      return try number(double)
    default: throw .operation("unsupported format string passed to \(value.typeName).__format__")
    }
  }

  private func number(_ value: Int) throws(TemplateFault) -> TemplateText {
    if precision != nil { throw .operation("Precision not allowed in integer format specifier") }
    let radix = type == "x" || type == "X" ? 16 : type == "o" ? 8 : type == "b" ? 2 : 10
    var digits = String(value.magnitude, radix: radix, uppercase: type == "X")
    if groups { digits = Self.grouped(digits) }
    if isAlternate, radix != 10, let type { digits = "0\(type)" + digits }
    return padded(TemplateText(template: digits), sign: signText(value < 0), defaultAlignment: ">")
  }

  private func number(_ value: Double) throws(TemplateFault) -> TemplateText {
    guard !isAlternate else { throw .unsupported("the format '#' of a float") }
    let magnitude = Swift.abs(value)
    var digits: String
    if !value.isFinite {
      digits = value.isNaN ? "nan" : "inf"
    } else {
      switch type {
      case nil where precision == nil: digits = TemplateValue.pythonFloat(magnitude)
      case nil: throw .unsupported("a format of a float without a type")
      case "%"?: digits = String(format: "%.*f", precision ?? 6, magnitude * 100) + "%"
      case let type?: digits = String(format: "%.*\(type)", precision ?? 6, magnitude)
      }
    }
    if groups {
      let whole = digits.prefix { $0.isNumber }
      digits = Self.grouped(String(whole)) + digits.dropFirst(whole.count)
    }
    return padded(
      TemplateText(template: digits), sign: signText(value.sign == .minus && !value.isNaN),
      defaultAlignment: ">")
  }

  private func signText(_ isNegative: Bool) -> String { isNegative ? "-" : sign == "-" ? "" : String(sign) }

  private static func grouped(_ digits: String) -> String {
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0 && (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return result
  }

  private func padded(_ text: TemplateText, sign: String, defaultAlignment: Character) -> TemplateText {
    let missing = Swift.max(0, width - text.scalarCount - sign.count)
    let alignment = self.alignment ?? defaultAlignment
    var builder = TemplateTextBuilder()
    func pad(_ count: Int) { for _ in 0..<count { builder.append(fill) } }
    if alignment == "=" { builder.append(sign, isTemplate: true) }
    pad(alignment == ">" || alignment == "=" ? missing : alignment == "^" ? missing / 2 : 0)
    if alignment != "=" { builder.append(sign, isTemplate: true) }
    builder.append(text)
    pad(alignment == "<" ? missing : alignment == "^" ? missing - missing / 2 : 0)
    return builder.text
  }
}

extension TemplateText {
  /// The first characters; the whole text for nil.
  func prefix(_ count: Int?) -> TemplateText {
    guard let count, count < scalarCount else { return self }
    return self[0..<scalarOffsets[count]]
  }
}
