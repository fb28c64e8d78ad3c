import Foundation
import QuireJSON

/// One instruction of IFEval with its arguments.
package struct Instruction: Sendable, Equatable {
  package let name: String
  private let arguments: JSONValue

  /// Nil for an unknown name, or when an argument is missing or has another type.
  init?(name: String, arguments: JSONValue) {
    self.name = name
    self.arguments = arguments
    guard let needed = Self.needed[name] else { return nil }
    for (argument, kind) in needed {
      guard let value = arguments[argument] else { return nil }
      switch kind {
      case .count: if value.count.value == nil { return nil }
      case .text: if value.stringValue?.isEmpty ?? true { return nil }
      case .texts:
        guard let texts = value.arrayValue, !texts.isEmpty, texts.allSatisfy({ $0.stringValue != nil }) else {
          return nil
        }
      case .relation: if !Self.relations.contains(value.stringValue ?? "") { return nil }
      }
    }
  }

  private enum ArgumentKind { case count, text, texts, relation }

  private static let relations = ["less than", "at least"]

  private static let needed: [String: [(String, ArgumentKind)]] = [
    "keywords:existence": [("keywords", .texts)],
    "keywords:forbidden_words": [("forbidden_words", .texts)],
    "keywords:frequency": [("keyword", .text), ("frequency", .count), ("relation", .relation)],
    "keywords:letter_frequency": [
      ("letter", .text), ("let_frequency", .count), ("let_relation", .relation),
    ],
    "length_constraints:number_words": [("num_words", .count), ("relation", .relation)],
    "length_constraints:number_paragraphs": [("num_paragraphs", .count)],
    "length_constraints:nth_paragraph_first_word": [
      ("num_paragraphs", .count), ("nth_paragraph", .count), ("first_word", .text),
    ],
    "detectable_content:number_placeholders": [("num_placeholders", .count)],
    "detectable_content:postscript": [("postscript_marker", .text)],
    "detectable_format:number_bullet_lists": [("num_bullets", .count)],
    "detectable_format:number_highlighted_sections": [("num_highlights", .count)],
    "detectable_format:multiple_sections": [("section_spliter", .text), ("num_sections", .count)],
    "detectable_format:constrained_response": [],
    "detectable_format:json_format": [], "detectable_format:title": [],
    "combination:repeat_prompt": [("prompt_to_repeat", .text)],
    "combination:two_responses": [],
    "startend:end_checker": [("end_phrase", .text)],
    "startend:quotation": [], "punctuation:no_comma": [],
    "change_case:capital_word_frequency": [
      ("capital_frequency", .count), ("capital_relation", .relation),
    ],
    "change_case:english_capital": [], "change_case:english_lowercase": [],
  ]

  /// The instructions that are checked. Those that ask for a language or count sentences need a model of language.
  static let names: [String] = needed.keys.sorted()

  private func count(_ name: String) -> Int { arguments[name]?.count.value ?? 0 }
  private func text(_ name: String) -> String { arguments[name]?.stringValue ?? "" }
  private func texts(_ name: String) -> [String] {
    (arguments[name]?.arrayValue ?? []).compactMap(\.stringValue)
  }
  private func holds(_ found: Int, _ relation: String, _ limit: String) -> Bool {
    text(relation) == "less than" ? found < count(limit) : found >= count(limit)
  }

  /// Whether a reply, which is not blank, obeys the instruction.
  func isObeyed(by reply: String, prompt: String) -> Bool {
    switch name.split(separator: ":").first {
    case "keywords": keywords(reply)
    case "length_constraints": length(reply)
    case "detectable_content", "startend", "punctuation", "combination": content(reply)
    case "detectable_format": format(reply)
    default: letterCase(reply)
    }
  }
}

// The checks by group.
extension Instruction {
  private func keywords(_ reply: String) -> Bool {
    let lower = reply.lowercased()
    switch name {
    case "keywords:existence": return texts("keywords").allSatisfy { lower.contains($0.lowercased()) }
    case "keywords:forbidden_words":
      let words = Self.words(lower)
      return !texts("forbidden_words").contains { word in
        let parts = Self.words(word.lowercased())
        return !parts.isEmpty && words.ranges(of: parts).isEmpty == false
      }
    case "keywords:frequency":
      return holds(lower.ranges(of: text("keyword").lowercased()).count, "relation", "frequency")
    default:
      let letter = text("letter").lowercased()
      return holds(lower.ranges(of: letter).count, "let_relation", "let_frequency")
    }
  }

  private func length(_ reply: String) -> Bool {
    switch name {
    case "length_constraints:number_words":
      return holds(Self.words(reply).count, "relation", "num_words")
    case "length_constraints:number_paragraphs":
      return Self.parts(reply, separator: "***") == count("num_paragraphs")
    default:
      let paragraphs = reply.components(separatedBy: "\n\n")
      let filled = paragraphs.filter { !TaskProblem.stripped($0).isEmpty }
      let index = count("nth_paragraph")
      guard index >= 1, index <= filled.count, filled.count == count("num_paragraphs"),
        index <= paragraphs.count
      else { return false }
      let word = TaskProblem.stripped(paragraphs[index - 1]).split(whereSeparator: \.isWhitespace).first
      let start = (word ?? "").lowercased().drop { "'\"".contains($0) }
        .prefix { !".,?!'\"".contains($0) }
      return start == text("first_word").lowercased()
    }
  }

  private func content(_ reply: String) -> Bool {
    let stripped = TaskProblem.stripped(reply)
    switch name {
    case "detectable_content:number_placeholders":
      return Self.brackets(reply) >= count("num_placeholders")
    case "detectable_content:postscript":
      let squeezed = reply.lowercased().filter { $0 != " " }
      let marker = text("postscript_marker").lowercased().filter { $0 != " " }
      return squeezed.split(separator: "\n").contains { $0.contains(marker) }
    case "startend:end_checker":
      let trimmed = stripped.drop { $0 == "\"" }.reversed().drop { $0 == "\"" }.reversed()
      return String(trimmed).lowercased().hasSuffix(
        TaskProblem.stripped(text("end_phrase")).lowercased())
    case "startend:quotation":
      return stripped.count > 1 && stripped.hasPrefix("\"") && stripped.hasSuffix("\"")
    case "combination:repeat_prompt":
      return stripped.lowercased().hasPrefix(TaskProblem.stripped(text("prompt_to_repeat")).lowercased())
    case "combination:two_responses":
      let parts = reply.components(separatedBy: "******")
      let filled = parts.map(TaskProblem.stripped).filter { !$0.isEmpty }
      let emptyInside = parts.dropFirst().dropLast().contains { TaskProblem.stripped($0).isEmpty }
      return !emptyInside && filled.count == 2 && filled[0] != filled[1]
    default: return !reply.contains(",")  // punctuation:no_comma
    }
  }

  private func format(_ reply: String) -> Bool {
    switch name {
    case "detectable_format:number_bullet_lists":
      return PythonText(reply).bulletCount == count("num_bullets")
    case "detectable_format:number_highlighted_sections":
      return PythonText(reply).highlightCount >= count("num_highlights")
    case "detectable_format:multiple_sections":
      let mark = TaskProblem.stripped(text("section_spliter"))
      let found = reply.components(separatedBy: mark).dropFirst().count { part in
        let rest = part.first?.isWhitespace == true ? part.dropFirst() : part[...]
        return rest.first?.isWholeNumber == true
      }
      return found >= count("num_sections")
    case "detectable_format:constrained_response":
      return ["My answer is yes.", "My answer is no.", "My answer is maybe."].contains { reply.contains($0) }
    case "detectable_format:json_format":
      var text = TaskProblem.stripped(reply)
      for mark in ["```json", "```Json", "```JSON", "```"] where text.hasPrefix(mark) {
        text.removeFirst(mark.count)
        break
      }
      if text.hasSuffix("```") { text.removeLast(3) }
      return PythonText(TaskProblem.stripped(text)).isJSON
    default:  // detectable_format:title
      return PythonText(reply).lines.contains { line in
        guard let open = line.range(of: "<<"), let close = line.range(of: ">>", options: .backwards) else {
          return false
        }
        return open.upperBound < close.lowerBound
          && !line[open.upperBound..<close.lowerBound].allSatisfy(\.isWhitespace)
      }
    }
  }

  private func letterCase(_ reply: String) -> Bool {
    switch name {
    case "change_case:capital_word_frequency":
      return holds(PythonText(reply).capitalWordCount, "capital_relation", "capital_frequency")
    case "change_case:english_capital":
      return reply.contains(where: \.isUppercase) && !reply.contains(where: \.isLowercase)
    default: return reply.contains(where: \.isLowercase) && !reply.contains(where: \.isUppercase)
    }
  }

  /// Runs of letters, digits and underscores, as `\w+` finds them.
  private static func words(_ text: String) -> [Substring] {
    text.split { !($0.isLetter || $0.isNumber || $0 == "_") }
  }

  /// Paragraphs between separators; an empty one inside makes the count wrong.
  private static func parts(_ text: String, separator: String) -> Int {
    let parts = text.components(separatedBy: separator).map(TaskProblem.stripped)
    if parts.dropFirst().dropLast().contains(where: \.isEmpty) { return -1 }
    return parts.count { !$0.isEmpty }
  }

  /// Texts in square brackets.
  private static func brackets(_ text: String) -> Int {
    var found = 0
    var isOpen = false
    for scalar in text.unicodeScalars {
      if scalar == "[" { isOpen = true }
      if scalar == "\n" { isOpen = false }
      if scalar == "]", isOpen {
        found += 1
        isOpen = false
      }
    }
    return found
  }
}
