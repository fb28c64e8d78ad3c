import QuireJSON

extension Tokenizer {
  /// The ids of a text, without added tokens before or after it.
  package func encode(_ text: String, addedTokens policy: AddedTokenPolicy = .recognized) -> [Int32] {
    var text = text
    return text.withUTF8 { encode($0, policy) }
  }

  /// The tokens that the tokenizer adds around a text that is not a chat, such as one that begins a sequence. Qwen3's adds
  /// none.
  package var textFrame: (before: [Int32], after: [Int32]) { (frame.before, frame.after) }

  /// The ids of a text that is not a chat, with the tokens around it.
  package func encodeDocument(_ text: String, addedTokens policy: AddedTokenPolicy = .recognized) -> [Int32] {
    frame.before + encode(text, addedTokens: policy) + frame.after
  }

  /// The ids of a text given as UTF-8. Bytes that are not UTF-8 are read as U+FFFD.
  package func encode(utf8 text: [UInt8], addedTokens policy: AddedTokenPolicy = .recognized) -> [Int32] {
    let isValid = text.withUnsafeBytes { firstInvalidUTF8Offset(in: $0) == nil }
    guard isValid else { return encode(String(decoding: text, as: UTF8.self), addedTokens: policy) }
    return text.withUnsafeBufferPointer { encode($0, policy) }
  }

  private func encode(_ bytes: UnsafeBufferPointer<UInt8>, _ policy: AddedTokenPolicy) -> [Int32] {
    switch policy {
    case .recognized: encode(bytes, recognizing: allAddedTokens)
    case .specialAsText: encode(bytes, recognizing: nonSpecialAddedTokens)
    case .plainText: encode(bytes, recognizing: .none)
    }
  }

  /// The ids of valid UTF-8.
  ///
  /// - Parameter controlRanges: Ranges in which control tokens are recognized: in order, disjoint, within the text; nil
  ///   for everywhere.
  func encode(
    _ bytes: UnsafeBufferPointer<UInt8>, recognizing search: AddedTokenSearch,
    controlRanges: [Range<Int>]? = nil
  ) -> [Int32] {
    var output: [Int32] = []
    output.reserveCapacity(bytes.count / 3)
    encoders.withEncoder { encoder in
      var sections = SectionEncoder(
        matcher: search.normalized, encoder: encoder, normalizes: normalizesText,
        controlRanges: search.normalizesControls ? controlRanges : nil)
      /// End of the text that has been encoded.
      var encoded = 0
      search.raw.forEachMatch(in: bytes, controlRanges: controlRanges) { range, id in
        sections.encode(bytes[encoded..<range.lowerBound], into: &output)
        output.append(id)
        encoded = range.upperBound
      }
      sections.encode(bytes[encoded...], into: &output)
    }
    return output
  }
}

/// Encodes the text between added tokens: normalizes it, cuts it into pieces, merges each.
private struct SectionEncoder {
  private let normalizer = Normalizer()
  private let pattern = SplitPattern()
  /// Added tokens that are matched in normalized text.
  private let matcher: AddedTokenMatcher
  private let encoder: BytePairEncoder
  private let normalizes: Bool
  /// Where control tokens among them are recognized, in the whole text; nil for everywhere, or if there are none.
  private let controlRanges: [Range<Int>]?
  /// The first of them that may reach into the next section.
  private var nextRange = 0

  init(
    matcher: AddedTokenMatcher, encoder: BytePairEncoder, normalizes: Bool, controlRanges: [Range<Int>]?
  ) {
    self.matcher = matcher
    self.encoder = encoder
    self.normalizes = normalizes
    self.controlRanges = controlRanges
  }

  /// Sections must come in the order of the text.
  mutating func encode(_ part: Slice<UnsafeBufferPointer<UInt8>>, into output: inout [Int32]) {
    let section = UnsafeBufferPointer(rebasing: part)
    if let controlRanges {
      let ranges = Self.ranges(controlRanges, in: part.indices, from: &nextRange)
      guard normalizes else { return encodeNormalized(section, controlRanges: ranges, into: &output) }
      let normalized = RangeNormalizer().normalized(section, ranges: ranges)
      return normalized.bytes.withUnsafeBufferPointer {
        encodeNormalized($0, controlRanges: normalized.ranges, into: &output)
      }
    }
    guard normalizes, let normalized = normalizer.normalized(section) else {
      return encodeNormalized(section, controlRanges: nil, into: &output)
    }
    normalized.withUnsafeBufferPointer { encodeNormalized($0, controlRanges: nil, into: &output) }
  }

  /// The parts of ranges that are in a section, counted from its start.
  private static func ranges(
    _ ranges: [Range<Int>], in section: Range<Int>, from next: inout Int
  ) -> [Range<Int>] {
    while next < ranges.count && ranges[next].upperBound <= section.lowerBound { next += 1 }
    var found: [Range<Int>] = []
    for range in ranges[next...].prefix(while: { $0.lowerBound < section.upperBound }) {
      let part = range.clamped(to: section)
      found.append(part.lowerBound - section.lowerBound..<part.upperBound - section.lowerBound)
    }
    return found
  }

  private func encodeNormalized(
    _ bytes: UnsafeBufferPointer<UInt8>, controlRanges: [Range<Int>]?, into output: inout [Int32]
  ) {
    var encoded = 0
    matcher.forEachMatch(in: bytes, controlRanges: controlRanges) { range, id in
      encodePieces(UnsafeBufferPointer(rebasing: bytes[encoded..<range.lowerBound]), into: &output)
      output.append(id)
      encoded = range.upperBound
    }
    encodePieces(UnsafeBufferPointer(rebasing: bytes[encoded...]), into: &output)
  }

  private func encodePieces(_ bytes: UnsafeBufferPointer<UInt8>, into output: inout [Int32]) {
    var start = 0
    while start < bytes.count {
      let end = pattern.endOfPiece(in: bytes, from: start)
      encoder.encode(
        UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(bytes)[start..<end]), into: &output)
      start = end
    }
  }
}
