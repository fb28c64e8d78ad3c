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
  let work = TemplateWork()
  private var depth = 0
  private var frames: [TemplateFrame] = []
  private var namespaces: [TemplateNamespace] = []

  enum Flow { case normal, broken, continued }

  init(externals: [TemplateValue?], slotCount: Int, clock: TemplateClock) {
    self.externals = externals
    self.clock = clock
    frame = TemplateFrame(slotCount: slotCount, parent: nil)
  }

  @inline(__always)
  func charge(_ count: Int = 1) throws(TemplateFault) {
    try work.charge(count)
  }

  /// Charges for text that is made or read.
  func charge(bytes: Int) throws(TemplateFault) {
    if bytes > TemplateLimits.textBytes { throw TemplateLimits.tooMuchText }
    try charge(bytes / TemplateLimits.stepBytes)
  }

  /// Charges for an operation that looks at each character.
  func charge(characters text: TemplateText) throws(TemplateFault) { try charge(text.bytes.count / 4) }

  /// Charges for reading all elements of a value.
  func charge(elementsOf value: TemplateValue) throws(TemplateFault) {
    if case .text(let text) = value {
      if text.bytes.count > TemplateLimits.elementCount { throw TemplateLimits.tooManyElements }
      try charge(text.bytes.count)
    } else if let count = value.knownCount {
      try charge(elements: count)
    }
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

  /// A new value, unless it nests too deep.
  @inline(__always)
  func checked(_ value: TemplateValue) throws(TemplateFault) -> TemplateValue {
    if value.depth > TemplateLimits.valueDepth { throw TemplateLimits.tooDeepValue }
    return value
  }

  /// Holds a frame or namespace until the rendering ends. They can refer to each other in circles and long chains,
  /// which ``finish()`` breaks up.
  func keep(_ frame: TemplateFrame) { if frames.last !== frame { frames.append(frame) } }
  func keep(_ namespace: TemplateNamespace) { namespaces.append(namespace) }

  func finish() {
    for namespace in namespaces { namespace.members = TemplateDictionary() }
    for frame in frames { frame.slots = [] }
    frame.slots = []
  }

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
