import QuireTensors
import TestSupport
import Testing

/// The instruction sets that QUIRE_ISA may name on this machine.
enum InstructionSets {
  static let runnable = InstructionSet.allCases.filter(\.isSupported).map(\.rawValue)
}

@Suite struct InstructionSetTests {
  @Test func aNameThatDoesNotRunHereIsRefused() throws {
    let place = Workplace()
    let pack = try place.pack()
    let unsupported = InstructionSet.allCases.filter { !$0.isSupported }.map(\.rawValue)
    for name in ["mmx", "AVX2", "portable "] + unsupported {
      for words in [
        ["generate", pack, "--prompt", "x"], ["verify", pack], ["bench", pack],
        ["logits", pack, "--tokens", "1", "--output", place.place("l")], place.conversion(to: "second.quire"),
      ] {
        let outcome = try BuiltProgram.quire.run(words, environment: ["QUIRE_ISA": name])
        expectRefusal(
          outcome, by: words[0],
          ["QUIRE_ISA: expected an instruction set of this CPU, found '\(name)'", "choose one of portable"])
        for runnable in InstructionSets.runnable { #expect(outcome.errors.contains(runnable)) }
      }
    }
    #expect(place.outputs == ["out.quire"])
  }

  @Test func anEmptyNameIsNoName() throws {
    let place = Workplace()
    let outcome = try BuiltProgram.quire.run(place.conversion(), environment: ["QUIRE_ISA": ""])
    #expect(outcome.status == 0 && outcome.errors == "")
  }
}
