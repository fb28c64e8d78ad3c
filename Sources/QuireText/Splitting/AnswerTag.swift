/// Tags of Qwen3's answers.
enum AnswerTag {
  static let thinkStart = "<think>"
  static let thinkEnd = "</think>"
  static let toolCallStart = "<tool_call>"
  static let toolCallEnd = "</tool_call>"
}
