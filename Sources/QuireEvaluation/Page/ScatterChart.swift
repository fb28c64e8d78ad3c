/// Rows as numbered points in a plane, with error bars; which rows another one beats in both directions is marked by
/// their shape.
struct ScatterChart {
  struct Point {
    /// As in the table of rows.
    let number: Int
    let label: String
    let x: Estimate
    let y: Estimate
  }

  struct Axis {
    let title: String
    /// The text of a tick, with further decimals where others would be the same.
    let format: (_ tick: Double, _ extraDecimals: Int) -> String
    /// Whether less is better.
    let lessIsBetter: Bool
    var prefersLogarithm = false
  }

  let points: [Point]
  let x: Axis
  let y: Axis

  /// Points that another point beats: not worse in either direction, and better in one.
  var dominated: Set<Int> {
    var beaten: Set<Int> = []
    for point in points {
      let isBeaten = points.contains { other in
        let (dx, dy) = (gain(x, other.x.value - point.x.value), gain(y, other.y.value - point.y.value))
        return dx >= 0 && dy >= 0 && (dx > 0 || dy > 0)
      }
      if isBeaten { beaten.insert(point.number) }
    }
    return beaten
  }

  private func gain(_ axis: Axis, _ difference: Double) -> Double {
    axis.lessIsBetter ? -difference : difference
  }

  private static let (width, height) = (420.0, 300.0)
  private static let (left, right, top, bottom) = (70.0, 404.0, 24.0, 252.0)

  var figure: Markup {
    let beaten = dominated
    let scaleX = ChartScale(points.map(\.x.value), prefersLogarithm: x.prefersLogarithm)
    let ends = points.flatMap { point in
      let error = y.prefersLogarithm ? 0 : point.y.standardError ?? 0
      return [point.y.value - error, point.y.value + error]
    }
    let scaleY = ChartScale(ends, prefersLogarithm: y.prefersLogarithm)
    var parts = axes(scaleX, scaleY)
    let front = points.filter { !beaten.contains($0.number) }.sorted { $0.x.value < $1.x.value }
    if front.count > 1 {
      let path = front.map { "\(Self.number(px(scaleX, $0.x.value))),\(Self.number(py(scaleY, $0.y.value)))" }
      parts.append(.tag("path", [("class", "front"), ("d", "M" + path.joined(separator: "L"))], []))
    }
    for point in points { parts += mark(point, beaten.contains(point.number), scaleX, scaleY) }
    let names = points.filter { beaten.contains($0.number) }.map { "\($0.number) \($0.label)" }
    let note =
      names.isEmpty
      ? "No row is beaten by another in both directions."
      : "Hollow squares are beaten by another row in both directions: \(names.joined(separator: ", "))."
    let title = "\(y.title) against \(x.title)"
    return .tag(
      "figure", [],
      .tag(
        "svg",
        [
          ("viewBox", "0 0 \(Self.number(Self.width)) \(Self.number(Self.height))"), ("role", "img"),
          ("aria-label", "\(title). \(note)"),
        ], parts),
      .tag("figcaption", [], "\(title). Bars: one standard error. \(note)"))
  }

  private func px(_ scale: ChartScale, _ value: Double) -> Double {
    Self.left + scale.position(value) * (Self.right - Self.left)
  }

  private func py(_ scale: ChartScale, _ value: Double) -> Double {
    Self.bottom - scale.position(value) * (Self.bottom - Self.top)
  }

  private func axes(_ scaleX: ChartScale, _ scaleY: ChartScale) -> [Markup] {
    var parts: [Markup] = []
    for (tick, text) in zip(scaleY.ticks, scaleY.texts(y.format)) {
      let level = py(scaleY, tick)
      parts.append(Self.line(Self.left, level, Self.right, level, "grid"))
      parts.append(Self.text(text, Self.left - 6, level + 4, "end"))
    }
    var free = -Double.infinity
    for (tick, text) in zip(scaleX.ticks, scaleX.texts(x.format)) {
      let mark = px(scaleX, tick)
      parts.append(Self.line(mark, Self.bottom, mark, Self.bottom + 5, "axis"))
      let half = Double(text.count) * 3.6 + 3
      let center = min(mark, Self.width - half)
      // A number that would touch the one before is left out.
      guard center - half > free else { continue }
      parts.append(Self.text(text, center, Self.bottom + 19, "middle"))
      free = center + half
    }
    parts.append(Self.line(Self.left, Self.bottom, Self.right, Self.bottom, "axis"))
    parts.append(Self.line(Self.left, Self.top, Self.left, Self.bottom, "axis"))
    let hint = { (axis: Axis) in axis.title + (axis.lessIsBetter ? " (less is better)" : " (more is better)")
    }
    parts.append(Self.text(hint(x), (Self.left + Self.right) / 2, Self.height - 8, "middle"))
    parts.append(Self.text(hint(y), 4, 14, "start"))
    return parts
  }

  private func mark(
    _ point: Point, _ isBeaten: Bool, _ scaleX: ChartScale, _ scaleY: ChartScale
  ) -> [Markup] {
    let (centerX, centerY) = (px(scaleX, point.x.value), py(scaleY, point.y.value))
    var parts: [Markup] = []
    if let error = point.y.standardError, error > 0 {
      let low = py(scaleY, point.y.value - error)
      let high = py(scaleY, point.y.value + error)
      parts.append(Self.line(centerX, low, centerX, high, "error"))
      for level in [low, high] { parts.append(Self.line(centerX - 4, level, centerX + 4, level, "error")) }
    }
    if isBeaten {
      parts.append(
        .tag(
          "rect",
          [
            ("class", "beaten"), ("x", Self.number(centerX - 5)), ("y", Self.number(centerY - 5)),
            ("width", "10"), ("height", "10"),
          ], []))
    } else {
      parts.append(
        .tag(
          "circle",
          [("class", "best"), ("cx", Self.number(centerX)), ("cy", Self.number(centerY)), ("r", "6")], []))
    }
    let isFarRight = centerX > Self.right - 30
    parts.append(
      Self.text(
        "\(point.number)", centerX + (isFarRight ? -9 : 9), centerY - 8, isFarRight ? "end" : "start"))
    return parts
  }

  static func number(_ value: Double) -> String { NumberText.fixed(value, 1) }

  static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, _ kind: String) -> Markup {
    .tag(
      "line",
      [
        ("class", kind), ("x1", number(x1)), ("y1", number(y1)), ("x2", number(x2)), ("y2", number(y2)),
      ], [])
  }

  static func text(_ text: String, _ x: Double, _ y: Double, _ anchor: String) -> Markup {
    .tag("text", [("x", number(x)), ("y", number(y)), ("text-anchor", anchor)], text)
  }
}
