import Foundation
package import QuireJSON
import QuireTensors

extension AblationReport {
  /// The report as `quire ablate --json` writes it. Scripts depend on these names.
  package var json: JSONValue {
    var members: JSONObject = [
      "kind": "ablation", "model": .string(method.model), "requests": .string(method.requests),
      "requestCount": .int(method.requestCount), "requestsLeftOut": .int(method.leftOutCount),
      "promptTokens": .int(method.promptTokens), "slots": .int(method.slots),
      "rounds": .int(method.rounds), "threads": .int(method.threadCount),
      "isa": .string(method.instructionSet), "reference": Self.json(plan.reference),
      "rows": .array(rows.map(Self.json)), "variants": .array(variants.map(json)),
      "sentences": .array(sentences.map { .string($0) }), "notes": .array(notes.map { .string($0) }),
    ]
    if !method.ignored.isEmpty {
      var ignored = JSONObject()
      for member in method.ignored { ignored[member.name] = .int(member.requestCount) }
      members["requestMembersIgnored"] = .object(ignored)
    }
    if let total { members["allTogether"] = Self.json(total) }
    if let totalAccuracy { members["allTogetherAccuracy"] = Self.json(totalAccuracy) }
    if let provenance { members["provenance"] = provenance.json }
    return .object(members)
  }

  private static func json(_ row: Row) -> JSONValue {
    var members: JSONObject = [
      "technique": .string(row.technique.rawValue), "from": .string(row.base.title),
      "to": .string(row.level.title), "withOthers": json(row.together),
    ]
    if let gain = row.alone { members["alone"] = json(gain) }
    if let isIdentical = row.isIdentical {
      members["answersIdentical"] = .bool(isIdentical)
    } else {
      if let accuracy = row.aloneAccuracy { members["aloneAccuracy"] = json(accuracy) }
      if let accuracy = row.togetherAccuracy { members["withOthersAccuracy"] = json(accuracy) }
    }
    return .object(members)
  }

  private static func json(_ gain: Gain) -> JSONValue {
    [
      "tokensPerSecond": json(gain.throughput), "firstToken": json(gain.firstToken),
      "perToken": json(gain.token), "memory": rounded(gain.memory),
    ]
  }

  private static func json(_ factor: Factor) -> JSONValue {
    ["median": rounded(factor.median), "least": rounded(factor.least), "most": rounded(factor.most)]
  }

  private static func json(_ accuracy: Accuracy) -> JSONValue {
    var members: JSONObject = [
      "klMean": .double(accuracy.divergence.value),
      "topOneAgreement": .double(accuracy.topOneAgreement.value),
      "perplexityRatio": .double(accuracy.perplexityRatio.value),
      "sameAnswers": .int(accuracy.sameAnswerCount),
    ]
    if let error = accuracy.divergence.standardError { members["klMeanError"] = .double(error) }
    return .object(members)
  }

  private func json(_ variant: Variant) -> JSONValue {
    var members: JSONObject = [
      "name": .string(label(variant.setting)), "setting": Self.json(variant.setting),
      "tokensPerSecond": Self.rounded(variant.tokensPerSecond),
      "firstTokenSeconds": Self.rounded(variant.firstTokenSeconds),
      "tokenSeconds": Self.rounded(variant.tokenSeconds), "tokens": .int(variant.tokenCount),
      "memoryBytes": .int(variant.memoryBytes),
    ]
    if let accuracy = variant.accuracy { members["accuracy"] = Self.json(accuracy) }
    return .object(members)
  }

  private static func json(_ setting: AblationSetting) -> JSONValue {
    [
      "weights": .string(setting.weights.rawValue), "prunedHeads": .bool(setting.isPruned),
      "kvCache": .string(setting.cacheType.rawValue), "prefixCache": .bool(setting.keepsPrefixes),
      "batching": .string(setting.batching.rawValue), "threads": .int(setting.threadCount),
      "lookup": .bool(setting.drafts),
    ]
  }

  /// Five significant digits: more than the measurement's precision.
  private static func rounded(_ value: Double) -> JSONValue {
    .double(Double(String(format: "%.5g", value)) ?? value)
  }
}
