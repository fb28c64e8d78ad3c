import Foundation
import TestSupport
import Testing

/// The unit and the image description of tools/deploy, as far as this machine can run them.
@Suite struct DeployTests {
  @Test(.enabled(if: Tool("python3") != nil, "needs Python"))
  func theCheckOfTheDeploymentPasses() throws {
    let tool = try #require(Tool(TestPaths.repository + "/tools/check-deploy"))
    let outcome = try tool.run("--program", BuiltProgram.quire.path)
    #expect(outcome.status == 0, "\(outcome.output)\(outcome.errors)")
    // What cannot run here is said, so every check leaves a line.
    for part in [
      "systemd-analyze verify", "security", "Containerfile: ", "the health check", "the image", "the server ",
    ] {
      #expect(outcome.output.contains(part), "\(part): \(outcome.output)")
    }
  }

  /// The example of a configuration file is a configuration: only its model is missing here.
  @Test func theExampleIsRead() throws {
    let path = TestPaths.repository + "/tools/deploy/serve.json5"
    let outcome = try BuiltProgram.quire.run("serve", "--config", path)
    expectRefusal(outcome, by: "serve", ["at /var/lib/quire/model.quire, found nothing"])
  }
}
