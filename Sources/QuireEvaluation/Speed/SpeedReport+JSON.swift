import Foundation
package import QuireJSON
import QuireTensors

extension SpeedReport {
  /// The report as `quire bench --json` prints it. Scripts depend on these names.
  package var json: JSONValue {
    [
      "isa": .string(instructionSet.rawValue),
      "threads": .int(threadCount),
      "limits": Self.json(limits),
      "rows": .array(rows.map(\.json)),
      "model": [
        "name": .string(subject.name), "layers": .int(subject.layerCount),
        "parameters": .int(subject.parameterCount),
        "formats": .array(subject.formats.map(JSONValue.string)), "weightBytes": .int(subject.weightBytes),
      ],
      "kvCache": .string(keyValueElement.rawValue),
      "machine": ["processor": .string(processor)],
      "version": .string(version),
    ]
  }

  fileprivate static func json(_ limits: MachineLimits) -> JSONValue {
    [
      "int8GMACPerSecond": .rounded(limits.int8MultiplyAddsPerSecond / 1e9),
      "bf16GMACPerSecond": .rounded(limits.bf16MultiplyAddsPerSecond / 1e9),
      "floatGMACPerSecond": .rounded(limits.floatMultiplyAddsPerSecond / 1e9),
      "readGBPerSecond": .rounded(limits.readBytesPerSecond / 1e9),
    ]
  }
}

extension SpeedReport.Row {
  fileprivate var json: JSONValue {
    var members = measurements
    if let lookup {
      members["text"] = .string(lookup.text.rawValue)
      members["plainTokensPerSecond"] = .rounded(lookup.plainTokensPerSecond)
      members["speedup"] = .rounded(tokensPerSecond / lookup.plainTokensPerSecond)
      members["steps"] = .int(lookup.stepCount)
      members["drafts"] = .int(lookup.draftCount)
      members["acceptedDrafts"] = .int(lookup.acceptedDraftCount)
    }
    if let draft {
      members["acceptance"] = .rounded(draft.acceptance)
      members["measuredTokens"] = .int(draft.tokenCount)
      members["plainTokensPerSecond"] = .rounded(draft.plainTokensPerSecond)
      members["speedup"] = .rounded(tokensPerSecond / draft.plainTokensPerSecond)
      members["steps"] = .int(draft.stepCount)
      members["drafts"] = .int(draft.draftCount)
      members["acceptedDrafts"] = .int(draft.acceptedDraftCount)
      members["draftModelTokens"] = .int(draft.draftModelTokenCount)
    }
    return .object(members)
  }

  private var measurements: JSONObject {
    [
      "phase": .string(plan.phase.rawValue),
      "batch": .int(plan.batch),
      "context": .int(plan.context),
      "tokens": .int(plan.tokens),
      "tokensPerSecond": .rounded(tokensPerSecond),
      "gmacPerSecond": .rounded(multiplyAddsPerSecond / 1e9),
      "shareOfCompute": .rounded(shareOfCompute),
      "gbPerSecond": .rounded(bytesPerSecond / 1e9),
      "shareOfBandwidth": .rounded(shareOfBandwidth),
      "shareOfRoofline": .rounded(shareOfRoofline),
      "medianSeconds": .rounded(medianSeconds),
      "fastestSeconds": .rounded(seconds.min() ?? medianSeconds),
      "slowestSeconds": .rounded(seconds.max() ?? medianSeconds),
      "repetitions": .int(seconds.count),
      "limits": SpeedReport.json(limits),
    ]
  }
}

extension JSONValue {
  /// Five significant digits: more than the measurement's precision.
  fileprivate static func rounded(_ value: Double) -> JSONValue {
    .double(Double(String(format: "%.5g", value)) ?? value)
  }
}
