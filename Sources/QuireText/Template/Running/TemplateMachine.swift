/// One rendering of a template.
///
/// It walks the tree. `position` is the offset of the operation that runs; a fault is reported there.
final class TemplateMachine {
  let externals: [TemplateValue?]
  /// The date of `strftime_now`.
  let clock: TemplateClock
  var frame: TemplateFrame
  var output = TemplateTextBuilder()
  var position = 0
  private(set) var steps = 0
  private var depth = 0

  enum Flow { case normal, broken, continued }

  init(externals: [TemplateValue?], slotCount: Int, clock: TemplateClock) {
    self.externals = externals
    self.clock = clock
    frame = TemplateFrame(slotCount: slotCount, parent: nil)
  }

  @inline(__always)
  func charge(_ count: Int = 1) throws(TemplateFault) {
    steps += count
    if steps > TemplateLimits.steps { throw TemplateLimits.tooManySteps }
  }

  /// Charges for text that is made or read.
  func charge(bytes: Int) throws(TemplateFault) {
    if bytes > TemplateLimits.textBytes { throw TemplateLimits.tooMuchText }
    try charge(bytes / TemplateLimits.stepBytes)
  }

  func charge(elements: Int) throws(TemplateFault) {
    if elements > TemplateLimits.elementCount { throw TemplateLimits.tooManyElements }
    try charge(elements / 8)
  }

  @inline(__always)
  func enter() throws(TemplateFault) {
    depth += 1
    if depth > TemplateLimits.depth { throw TemplateLimits.tooDeep }
  }

  @inline(__always)
  func leave() { depth -= 1 }

  /// Runs `body` and returns the text that it prints.
  func captured(_ body: () throws(TemplateFault) -> Void) throws(TemplateFault) -> TemplateText {
    let outer = output
    output = TemplateTextBuilder()
    defer { output = outer }
    try body()
    return output.text
  }

  func write(_ text: TemplateText) throws(TemplateFault) {
    output.append(text)
    if output.byteCount > TemplateLimits.textBytes { throw TemplateLimits.tooMuchText }
    try charge(bytes: text.bytes.count)
  }

  func enter(_ scope: TemplateScope) {
    for load in scope.loads {
      switch load {
      case .external(let slot, let index): frame.slots[slot] = externals[index]
      case .copy(let slot, let source): frame.slots[slot] = frame.value(at: source)
      case .missing(let slot): frame.slots[slot] = nil
      }
    }
  }
}

/// The variables of one call; a class, because macros see the changing variables of the functions around them.
final class TemplateFrame {
  /// Nil for a variable without a value.
  var slots: [TemplateValue?]
  let parent: TemplateFrame?

  init(slotCount: Int, parent: TemplateFrame?) {
    slots = Array(repeating: nil, count: slotCount)
    self.parent = parent
  }

  func value(at slot: TemplateSlot) -> TemplateValue? {
    if slot.depth == 0 { return slots[slot.index] }
    var frame: TemplateFrame? = self
    for _ in 0..<slot.depth { frame = frame?.parent }
    return frame?.slots[slot.index]
  }

  func set(_ value: TemplateValue, at slot: TemplateSlot) {
    var frame: TemplateFrame? = self
    for _ in 0..<slot.depth { frame = frame?.parent }
    frame?.slots[slot.index] = value
  }
}

/// A macro with the frame it was defined in.
final class TemplateMacro {
  let statement: TemplateMacroStatement
  let frame: TemplateFrame
  init(_ statement: TemplateMacroStatement, frame: TemplateFrame) {
    self.statement = statement
    self.frame = frame
  }
}
