import Foundation

/// The functions that every template has.
enum TemplateGlobal: String, Sendable, CaseIterable {
  case range
  case dict
  case namespace
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"

  /// Jinja's other global functions, which are refused.
  static let unsupportedNames: Set<String> = ["lipsum", "cycler", "joiner"]
}

/// The time that templates print.
package struct TemplateClock: Sendable {
  private let seconds: Int?

  /// The time of the call, in the local time zone.
  package static let system = TemplateClock(seconds: nil)

  /// - Parameter seconds: Since 1970, always the same; nil for the time of the call.
  package init(seconds: Int?) { self.seconds = seconds }

  /// The local time by a format of C's `strftime`.
  func text(_ format: String) -> String {
    if format.isEmpty { return "" }
    var time = time_t(seconds ?? Int(Date().timeIntervalSince1970))
    var parts = tm()
    localtime_r(&time, &parts)
    var buffer = [CChar](repeating: 0, count: 256 + 64 * min(format.utf8.count, 1024))
    let count = strftime(&buffer, buffer.count, format, &parts)
    return String(decoding: buffer[..<count].map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }
}

extension TemplateMachine {
  func call(_ global: TemplateGlobal, _ values: TemplateCallValues) throws(TemplateFault) -> TemplateValue {
    switch global {
    case .range: return .range(try range(values))
    case .dict: return .dictionary(try dictionary(values))
    case .namespace:
      let members = try dictionary(values)
      for case .text(let name) in members.keys { try Self.checkNamespaceName(name.string) }
      let namespace = TemplateNamespace(members)
      keep(namespace)
      return .namespace(namespace)
    case .raiseException:
      let message = try values.bound("raise_exception", ["message"], required: 1)[0] ?? .none
      throw TemplateFault(.raised, try message.printed(work).string)
    case .strftimeNow:
      let format = try values.bound("strftime_now", ["format"], required: 1)[0] ?? .none
      guard case .text(let text) = format else {
        throw .operation("strftime() argument 1 must be str, not \(format.typeName)")
      }
      if text.bytes.count > 1000 { throw .unsupported("a date format of more than 1000 bytes") }
      if text.bytes.contains(0) { throw .operation("embedded null character") }
      return .text(TemplateText(data: clock.text(text.string)))
    }
  }

  private func range(_ values: TemplateCallValues) throws(TemplateFault) -> TemplateRange {
    let bounds = try values.positionalOnly("range", 1...3)
    var numbers: [Int] = []
    for bound in bounds {
      if case .undefined(let undefined) = bound { throw .operation(undefined.message) }
      guard let number = bound.index else {
        throw .operation("'\(bound.typeName)' object cannot be interpreted as an integer")
      }
      guard Int32(exactly: number) != nil else { throw .unsupported("a range beyond 32-bit numbers") }
      numbers.append(number)
    }
    let step = numbers.count == 3 ? numbers[2] : 1
    if step == 0 { throw .operation("range() arg 3 must not be zero") }
    let range = TemplateRange(
      start: numbers.count == 1 ? 0 : numbers[0], stop: numbers.count == 1 ? numbers[0] : numbers[1],
      step: step)
    guard range.count <= TemplateLimits.rangeCount else {
      throw .operation(
        "Range too big. The sandbox blocks ranges larger than MAX_RANGE (\(TemplateLimits.rangeCount)).")
    }
    try charge(elements: range.count)
    return range
  }

  /// Python's `dict(…)`.
  private func dictionary(_ values: TemplateCallValues) throws(TemplateFault) -> TemplateDictionary {
    guard values.positional.count <= 1 else {
      throw .operation("dict expected at most 1 argument, got \(values.positional.count)")
    }
    var dictionary = TemplateDictionary()
    switch values.positional.first {
    case nil: break
    case .dictionary(let other):
      try charge(other.count)
      dictionary = other
    case .namespace(let namespace)?:
      try charge(namespace.members.count)
      dictionary = namespace.members
    case let pairs?:
      for pair in try elements(pairs) {
        try charge()
        let members = try pair.elements()
        guard members.count == 2 else {
          throw .operation(
            "dictionary update sequence element has length \(members.count); 2 is required")
        }
        dictionary.set(members[0], try hashed(members[0]), members[1])
      }
    }
    for member in values.named { dictionary.set(member.name, member.value) }
    return dictionary
  }
}
