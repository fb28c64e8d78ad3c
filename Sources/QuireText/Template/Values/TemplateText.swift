/// A string of a template with its provenance: which bytes were written by the template and which come from the
/// messages, tools and arguments of a request.
///
/// Every operation keeps it, so that a rendered prompt says for each byte whether a control token may be recognized
/// there. Bytes are valid UTF-8; Python's semantics are by code point, so indices are converted where they occur.
struct TemplateText: Sendable {
  enum Origin: Sendable {
    case template
    case data
    /// The ranges that come from the template: in order, disjoint, not adjacent, not empty.
    case mixed([Range<Int>])
  }

  var bytes: [UInt8]
  var origin: Origin
  /// Whether the text is Python's `Markup`, as `safe` makes it: `+` escapes what is joined to it.
  var isMarkup = false

  init(bytes: [UInt8], origin: Origin, isMarkup: Bool = false) {
    self.bytes = bytes
    self.origin = origin
    self.isMarkup = isMarkup
  }

  init(template text: String) { self.init(bytes: Array(text.utf8), origin: .template) }
  init(data text: String) { self.init(bytes: Array(text.utf8), origin: .data) }

  static let empty = TemplateText(bytes: [], origin: .template)

  var string: String { String(decoding: bytes, as: UTF8.self) }
  var isEmpty: Bool { bytes.isEmpty }

  /// Calls `body` with each maximal range of one provenance, in order.
  func forEachRun<Failure>(
    _ body: (Range<Int>, _ isTemplate: Bool) throws(Failure) -> Void
  ) throws(Failure) {
    if bytes.isEmpty { return }
    switch origin {
    case .template: try body(0..<bytes.count, true)
    case .data: try body(0..<bytes.count, false)
    case .mixed(let ranges):
      var end = 0
      for range in ranges {
        if end < range.lowerBound { try body(end..<range.lowerBound, false) }
        try body(range, true)
        end = range.upperBound
      }
      if end < bytes.count { try body(end..<bytes.count, false) }
    }
  }

  /// The text of a range of bytes, which must begin and end at characters.
  subscript(_ range: Range<Int>) -> TemplateText {
    if range.count == bytes.count { return self }
    let part = Array(bytes[range])
    guard case .mixed(let ranges) = origin else {
      return TemplateText(bytes: part, origin: origin, isMarkup: isMarkup)
    }
    var kept: [Range<Int>] = []
    for own in ranges {
      if own.upperBound <= range.lowerBound { continue }
      if own.lowerBound >= range.upperBound { break }
      let cut = own.clamped(to: range)
      kept.append(cut.lowerBound - range.lowerBound..<cut.upperBound - range.lowerBound)
    }
    return TemplateText(
      bytes: part, origin: Self.origin(of: kept, byteCount: part.count), isMarkup: isMarkup)
  }

  static func origin(of ranges: [Range<Int>], byteCount: Int) -> Origin {
    if byteCount == 0 { return .template }
    if ranges.isEmpty { return .data }
    return ranges.count == 1 && ranges[0].count == byteCount ? .template : .mixed(ranges)
  }

  /// Whether the text equals another; provenance makes no difference to a template.
  func hasSameBytes(as other: TemplateText) -> Bool { bytes == other.bytes }

  var withoutMarkup: TemplateText { TemplateText(bytes: bytes, origin: origin) }
  var asMarkup: TemplateText { TemplateText(bytes: bytes, origin: origin, isMarkup: true) }
}

/// Text that is being joined.
struct TemplateTextBuilder {
  private(set) var bytes: [UInt8] = []
  private var ranges: [Range<Int>] = []

  var byteCount: Int { bytes.count }

  var text: TemplateText {
    TemplateText(bytes: bytes, origin: TemplateText.origin(of: ranges, byteCount: bytes.count))
  }

  mutating func append(_ text: TemplateText) {
    let start = bytes.count
    bytes += text.bytes
    switch text.origin {
    case .data: return
    case .template: mark(start..<bytes.count)
    case .mixed(let own): for range in own { mark(start + range.lowerBound..<start + range.upperBound) }
    }
  }

  mutating func append(_ part: some Collection<UInt8>, isTemplate: Bool) {
    let start = bytes.count
    bytes += part
    if isTemplate { mark(start..<bytes.count) }
  }

  mutating func append(_ part: String, isTemplate: Bool) { append(part.utf8, isTemplate: isTemplate) }

  private mutating func mark(_ range: Range<Int>) {
    if range.isEmpty { return }
    if let last = ranges.indices.last, ranges[last].upperBound == range.lowerBound {
      ranges[last] = ranges[last].lowerBound..<range.upperBound
    } else {
      ranges.append(range)
    }
  }
}
