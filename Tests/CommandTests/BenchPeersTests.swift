import Foundation
import QuireJSON
import TestSupport
import Testing

/// `tools/bench-peers` without the peers, which a test cannot install: our own programs still take turns, are put into
/// the table and are recorded.
@Suite struct BenchPeersTests {
  private static let python = Tool("python3")
  private static let tool = TestPaths.repository + "/tools/bench-peers"

  @Test(.enabled(if: python != nil)) func programsTakeTurnsAndAreRecorded() throws {
    let folder = TemporaryFolder()
    let results = folder.path + "/results.jsonl"
    let outcome = try #require(Self.python).run([
      Self.tool, "--shape", "qwen3-0.6b", "--layers", "1", "--programs", "quire-int4,quire-int8", "--rounds",
      "2",
      "--threads", "1", "--prompt-tokens", "4", "--batch", "2", "--generate-tokens", "1", "--context", "3",
      "--quire", BuiltProgram.quire.path, "--folder", folder.path, "--results", results,
    ])
    #expect(outcome.status == 0, "\(outcome.errors)")
    let turns = outcome.errors.split(separator: "\n").filter { $0.hasPrefix("round ") }
    #expect(
      turns == [
        "round 1 of 2: quire-int4", "round 1 of 2: quire-int8", "round 2 of 2: quire-int8",
        "round 2 of 2: quire-int4",
      ])
    for line in ["| 4 bits, prompts | 4 |", "| 8 bits, decode after 3 | ×2 |", "| quire-int8 | "] {
      #expect(outcome.output.contains(line), "\(line)")
    }
    #expect(outcome.output.contains("- quire-int4: quire 0.1.0; QUIRE_ISA "))
    let rows = try String(contentsOfFile: results, encoding: .utf8).split(separator: "\n")
      .map { try JSONValue.parse(Array($0.utf8)) }
    #expect(
      rows.map { $0["program"]?.stringValue } == ["quire-int4", "quire-int4", "quire-int8", "quire-int8"])
    #expect(rows.map { $0["phase"]?.stringValue } == ["prompt", "decode", "prompt", "decode"])
    #expect(rows.map { $0["batch"]?.intValue } == [1, 2, 1, 2])
    #expect(rows.map { $0["context"]?.intValue } == [0, 3, 0, 3])
    for row in rows {
      #expect(row["rounds"]?.arrayValue?.count == 2)
      #expect(try #require(row["tokensPerSecond"]?.doubleValue) > 0)
      #expect(try #require(row["shareOfRoofline"]?.doubleValue) > 0)
      #expect(try #require(row["gbPerSecond"]?.doubleValue) > 0)
      #expect(try #require(row["limits"]?["int8GMACPerSecond"]?.doubleValue) > 0)
      #expect(row["shape"]?.stringValue == "qwen3-0.6b")
    }
  }

  /// A cell is measured again, at most twice, while its compute probe is under 95% of the best one so far.
  @Test(.enabled(if: python != nil)) func disturbedCellsAreMeasuredAgain() throws {
    let outcome = try Self.script(
      """
      from contest import Contest
      from programs import Cell, Task
      from shapes import SHAPES
      task = Task(SHAPES["qwen3-8b"], 2, [128], [1, 4], 2, [0], 1)
      contest = Contest(task, [], None, Path("quire"), Path("."), lambda line: None)
      probes = {128: [100, 1], 1: [90, 96, 1], 4: [50, 60, 55, 99]}
      asked = []
      def measure(cells):
          asked.append([cell.tokens or cell.batch for cell in cells])
          values = [probes[cell.tokens or cell.batch].pop(0) for cell in cells]
          return [{"cell": c, "limits": {"int8GMACPerSecond": v}, "seconds": [v]} for c, v in zip(cells, values)]
      kept = contest.steady(measure)
      print(asked, [(one["seconds"], one["tries"]) for one in kept])
      """)
    #expect(
      outcome.output
        == "[[128, 1, 4], [1, 4], [4]] [([100], 1), ([96], 2), ([60], 3)]\n", "\(outcome.errors)")
  }

  /// A row stands only if its engine names the kernels that the row claims.
  @Test(.enabled(if: python != nil)) func rowsWithoutProofAreDropped() throws {
    let outcome = try Self.script(
      """
      from contest import check_kernels
      from environment import PeerError
      from programs import PROGRAMS
      known = {program.name: program for program in PROGRAMS}
      def check(name, *kernels):
          try:
              check_kernels(known[name], list(kernels))
              print("kept")
          except PeerError as error:
              print(error)
      check("vllm-w8a8", "4 x QKVParallelLinear CPUInt8ScaledMMLinearKernel _apply_weights_sgl")
      check("vllm-zentorch-w8a8", "4 x QKVParallelLinear CPUInt8ScaledMMLinearKernel _apply_weights_sgl")
      check("llama-q4_0-norepack", "CPU model buffer size", "CPU_REPACK model buffer size")
      """)
    #expect(
      outcome.output == """
        kept
        expected kernels that match 'ZentorchInt8ScaledMMLinearKernel', found 4 x QKVParallelLinear \
        CPUInt8ScaledMMLinearKernel _apply_weights_sgl: no row without that proof
        expected no kernels that match 'CPU_REPACK|AMX', found CPU model buffer size; CPU_REPACK model buffer size: \
        no row without that proof

        """, "\(outcome.errors)")
  }

  /// vLLM's checkpoints have the sizes that their headers promise, and no page of them is left as it was allocated.
  @Test(.enabled(if: python != nil), arguments: ["w8a8", "w4a16"])
  func checkpointsOfPeersAreFilled(form: String) throws {
    let temporary = TemporaryFolder()
    let outcome = try Self.script(
      """
      import json, struct
      from vllm_model import write
      from shapes import Shape
      folder = Path("\(temporary.path)")
      write(Shape("tiny", 256, 2, 4, 512, False, 2, 64, 1024), "\(form)", folder)
      data = (folder / "model.safetensors").read_bytes()
      length = struct.unpack("<Q", data[:8])[0]
      header, body = json.loads(data[8:8 + length]), data[8 + length:]
      print(len(header), max(entry["data_offsets"][1] for entry in header.values()) == len(body))
      print(sum(not any(body[at:at + 64]) for at in range(0, len(body), 64)))
      table = struct.unpack("<4096H", body[:8192])
      print(all(2**-7 <= struct.unpack("<f", struct.pack("<HH", 0, bits & 0x7FFF))[0] <= 2**-5 for bits in table))
      """)
    // The embedding, the head, the last norm; for each layer four norms and seven matrices in two or three parts.
    #expect(outcome.output == "\(form == "w8a8" ? 39 : 53) True\n0\nTrue\n", "\(outcome.errors)")
  }

  /// Runs lines of Python beside the contest's modules.
  private static func script(_ lines: String) throws -> Tool.Outcome {
    let head =
      "import sys\nfrom pathlib import Path\nsys.path.insert(0, '\(TestPaths.repository)/tools/peers')\n"
    return try #require(python).run(["-c", head + lines])
  }

  @Test(.enabled(if: python != nil)) func wrongUsageIsExitCode2() throws {
    let outcome = try #require(Self.python).run([Self.tool, "--programs", "quire-int5"])
    #expect(outcome.status == 2)
    #expect(outcome.errors.contains("expected names out of quire-int4, "))
    #expect(outcome.errors.contains("found 'quire-int5'"))
  }
}
