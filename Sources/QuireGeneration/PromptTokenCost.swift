/// Estimates the time of a prompt token from its position: attention reads all positions before it, so the time is a line
/// over the position, learned from steps by the normalized least mean squares method (Widrow and Hoff).
struct PromptTokenCost: Sendable {
  /// A measurement is limited to this range relative to its estimate, because other programs may interrupt a step.
  private static let ratios = 0.5...2.0
  /// Positions in the unit of `slope`.
  private static let unit = 1024.0
  /// Weight of the newest measurement.
  private static let weight = 0.2

  /// Seconds of a token at position 0.
  private var base = 0.0
  /// Additional seconds for each 1,024 positions.
  private var slope = 0.0
  /// The highest position of a measurement.
  private var furthest = 0.0

  /// Seconds of a token at `position`; `nil` before the first measurement. Beyond the highest measured position the time
  /// grows in proportion, which is never too low.
  func seconds(at position: Double) -> Double? {
    guard base > 0 else { return nil }
    let known = max(furthest, Self.unit)
    return position <= known ? line(position) : line(known) * (position / known)
  }

  /// Records that a token at `position` took `observed` seconds.
  mutating func learn(_ observed: Double, at position: Double) {
    defer { furthest = max(furthest, position) }
    guard let expected = seconds(at: position) else {
      base = observed
      return
    }
    let limited = min(max(observed, expected * Self.ratios.lowerBound), expected * Self.ratios.upperBound)
    let scaled = position / Self.unit
    // An estimate beyond the known positions is not of the line.
    let share = Self.weight * (limited - line(position)) / (1 + scaled * scaled)
    // Neither may become so small that other positions would seem to cost nothing.
    base = max(base + share, limited / 20)
    slope = max(slope + share * scaled, 0)
  }

  private func line(_ position: Double) -> Double { base + slope * position / Self.unit }
}
