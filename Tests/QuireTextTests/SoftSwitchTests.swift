import QuireText
import TestSupport
import Testing

/// Soft switches in messages, and the sampling that suits an answer.
@Suite struct SoftSwitchTests {
  private func softSwitch(_ messages: [(ChatMessage.Role, String?)]) -> ThinkingMode? {
    ChatFormat.qwen3.softSwitch(in: messages.map { ChatMessage(role: $0.0, content: $0.1) })
  }

  @Test func theLastSwitchCounts() {
    #expect(softSwitch([(.user, "hi")]) == nil)
    #expect(softSwitch([(.user, "hi /no_think")]) == .nonThinking)
    #expect(softSwitch([(.user, "/no_think hi\n/think\tnow")]) == .thinking)
    #expect(softSwitch([(.system, "/no_think"), (.user, "hi")]) == .nonThinking)
    #expect(softSwitch([(.user, "/no_think"), (.assistant, "ok"), (.user, "/think")]) == .thinking)
    #expect(softSwitch([(.user, "/think"), (.user, nil), (.user, "")]) == .thinking)
  }

  @Test func otherTextIsNoSwitch() {
    for text in [
      "/thinking", "x/think", "/no_thinks", "//think", "/ think", "/", "think", "no_think", "/think.",
      "/usr/think",
    ] {
      #expect(softSwitch([(.user, text)]) == nil, "\(text)")
    }
    #expect(softSwitch([(.assistant, "/no_think"), (.tool, "/no_think")]) == nil)
  }

  @Test func samplingSuitsWhatTheModelIsGoingToDo() {
    let quiet = [ChatMessage(role: .user, content: "/no_think")]
    let plain = [ChatMessage(role: .user, content: "x")]
    func mode(_ mode: ThinkingMode, _ budget: Int?, _ messages: [ChatMessage]) -> ThinkingMode {
      ChatFormat.qwen3.samplingMode(mode, budget: budget, messages: messages)
    }
    #expect(mode(.thinking, nil, plain) == .thinking && mode(.thinking, 5, plain) == .thinking)
    #expect(mode(.thinking, 0, plain) == .nonThinking && mode(.thinking, nil, quiet) == .nonThinking)
    #expect(mode(.nonThinking, nil, [ChatMessage(role: .user, content: "/think")]) == .nonThinking)
  }
}
