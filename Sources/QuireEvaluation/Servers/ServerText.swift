import QuireJSON
import QuireRemote

/// Reads from a server how probable each token of a text is.
struct ServerText {
  let model: ServerModel
  let windows: TextWindows
  /// Requests at the same time.
  let width: Int

  /// Why a server cannot predict the text, as the end of a sentence.
  struct Unable: Error {
    let reason: String
  }

  private enum Halt: Error {
    case unable(String)
    case failed(EvaluationError)
  }

  /// −ln of the probability of every token but the first of each window, in nats.
  ///
  /// - Parameters:
  ///   - log: has the windows that earlier runs have read, and gets the others.
  ///   - onProgress: called with the number of predicted tokens.
  func negativeLogLikelihoods(
    _ log: ResultLog, onProgress: (Int) -> Void
  ) throws(EvaluationError) -> Result<[[Double]], Unable> {
    var found = Self.kept(log, windows)
    var done = found.values.reduce(0) { $0 + $1.count }
    let open = windows.windows.indices.filter { found[$0] == nil }
    do throws(Halt) {
      try RemotePool(model.server, width: width).run(
        open.count,
        { [model, windows] job, connection throws(RemoteError) in
          try Self.read(windows.windows[open[job]], model, connection)
        },
        failure: { .failed(.remote($0)) },
        onFinished: { job, outcome throws(Halt) in
          switch outcome {
          case .failure(let unable): throw .unable(unable.reason)
          case .success(let negativeLogLikelihoods):
            do throws(EvaluationError) {
              try log.append([
                "window": .int(open[job]), "own": .array(negativeLogLikelihoods.map { .double($0) }),
              ])
            } catch {
              throw .failed(error)
            }
            found[open[job]] = negativeLogLikelihoods
            done += negativeLogLikelihoods.count
            onProgress(done)
          }
        })
    } catch {
      switch error {
      case .unable(let reason): return .failure(Unable(reason: reason))
      case .failed(let error): throw error
      }
    }
    return .success(windows.windows.indices.map { found[$0] ?? [] })
  }

  private static func kept(_ log: ResultLog, _ windows: TextWindows) -> [Int: [Double]] {
    var found: [Int: [Double]] = [:]
    for part in log.parts {
      guard let index = part["window"]?.intValue, windows.windows.indices.contains(index),
        let values = part["own"]?.arrayValue?.compactMap(\.doubleValue),
        values.count == windows.windows[index].count - 1
      else { continue }
      found[index] = values
    }
    return found
  }

  private static func read(
    _ tokens: [Int32], _ model: ServerModel, _ connection: RemoteConnection
  ) throws(RemoteError) -> Result<[Double], Unable> {
    let answer: JSONValue
    do throws(RemoteError) {
      answer = try model.server.send(
        model.scoring.body(tokens, model: model.name), to: "completions", over: connection)
    } catch {
      guard let refusal = error.refusal else { throw error }
      return .failure(
        Unable(
          reason:
            "it refuses a text of \(tokens.count) tokens with status \(refusal.status): \(refusal.message)")
      )
    }
    guard let logprobs = model.scoring.logprobs(in: answer, count: tokens.count) else {
      return .failure(Unable(reason: "an answer has no log-probabilities of the prompt's tokens"))
    }
    return .success(logprobs.map { -$0 })
  }
}
