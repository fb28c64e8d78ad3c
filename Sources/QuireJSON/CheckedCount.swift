/// A count, size or offset from outside: from a file, a recipe, a header or a request.
///
/// Arithmetic on it never traps. A result below zero or beyond `Int` has no value, and so has everything computed
/// from it. One check at the end therefore covers a whole formula:
///
/// ```swift
/// let bytes = CheckedCount.product(shape) * CheckedCount(elementBytes)
/// guard let count = bytes.value(atMost: file.byteCount) else { throw … }
/// ```
///
/// ``init(digits:)`` and ``JSONValue/count`` read one.
package struct CheckedCount: Sendable, Equatable {
  /// The number, 0 or more; nil if any operation had no result.
  package let value: Int?

  private init(unchecked value: Int?) { self.value = value }

  /// Has no value when `number` is negative or does not fit `Int`.
  package init(_ number: some BinaryInteger) {
    value = Int(exactly: number).flatMap { $0 >= 0 ? $0 : nil }
  }

  /// A count without a value.
  package static let none = CheckedCount(unchecked: nil)

  /// The number when it is at most `limit`.
  package func value(atMost limit: Int) -> Int? { value.flatMap { $0 <= limit ? $0 : nil } }

  /// The number when it is in `range`.
  package func value(in range: ClosedRange<Int>) -> Int? { value.flatMap { range.contains($0) ? $0 : nil } }

  /// The range of `count` numbers from this one on, for a file or a buffer. Nil unless it ends at or before `limit`.
  package func range(count: CheckedCount, within limit: Int) -> Range<Int>? {
    guard let start = value, let end = (self + count).value(atMost: limit) else { return nil }
    return start..<end
  }

  package static func + (left: Self, right: Self) -> Self {
    combined(left, right) { $0.addingReportingOverflow($1) }
  }

  /// Has no value when the difference is negative.
  package static func - (left: Self, right: Self) -> Self {
    combined(left, right) { $0.subtractingReportingOverflow($1) }
  }

  package static func * (left: Self, right: Self) -> Self {
    combined(left, right) { $0.multipliedReportingOverflow(by: $1) }
  }

  /// The quotient, rounded down. Has no value when `right` is 0.
  package static func / (left: Self, right: Self) -> Self {
    combined(left, right) { $0.dividedReportingOverflow(by: $1) }
  }

  package static func += (left: inout Self, right: Self) { left = left + right }

  /// The quotient, rounded up. Has no value when `divisor` is 0.
  package func dividedRoundingUp(by divisor: Self) -> Self {
    guard value != 0 else { return self / divisor }
    return (self - Self(1)) / divisor + Self(1)
  }

  /// The smallest multiple of `unit` that is not below this number.
  package func roundedUp(toMultipleOf unit: Self) -> Self { dividedRoundingUp(by: unit) * unit }

  /// The product of the sizes of a shape; 1 for none. Even with a size of 0 the product of the others must fit `Int`,
  /// so that the order of the sizes does not matter.
  package static func product(_ sizes: some Collection<Int>) -> Self {
    let product = sizes.lazy.filter { $0 != 0 }.reduce(Self(1)) { $0 * Self($1) }
    return product.value != nil && sizes.contains(0) ? Self(0) : product
  }

  package static func sum(_ numbers: some Sequence<Int>) -> Self { numbers.reduce(Self(0)) { $0 + Self($1) } }

  private static func combined(
    _ left: Self, _ right: Self, _ operation: (Int, Int) -> (partialValue: Int, overflow: Bool)
  ) -> Self {
    guard let left = left.value, let right = right.value else { return .none }
    let (result, overflow) = operation(left, right)
    return overflow || result < 0 ? .none : Self(unchecked: result)
  }
}

extension CheckedCount {
  /// Reads decimal digits only: no sign, no spaces.
  package init(digits: some Collection<UInt8>) {
    let first = digits.isEmpty ? CheckedCount.none : CheckedCount(0)
    self = digits.reduce(first) { number, byte in
      let digit = byte &- UInt8(ascii: "0")
      return digit < 10 ? number * CheckedCount(10) + CheckedCount(digit) : .none
    }
  }
}

extension JSONValue {
  /// The number as a count; without a value unless it is an integer of 0 or more that fits `Int`.
  package var count: CheckedCount { intValue.map { CheckedCount($0) } ?? .none }
}
