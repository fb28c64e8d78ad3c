import Foundation
import QuireModel

/// Qwen3 written down plainly in Double, straight from the definition: the truth for layers of any shape.
struct ReferenceModel {
  let configuration: ModelConfiguration
  let values: [String: [Float]]  // row-major, by the names files use

  /// Logits of every position, (position, vocabulary).
  func logits(_ tokens: [Int32]) -> [Float] {
    let hidden = configuration.hiddenSize
    let embedding = matrix(.embedding)
    var rows = tokens.map { Array(embedding[Int($0) * hidden..<(Int($0) + 1) * hidden]) }
    for layer in configuration.layers.indices { run(layer, &rows) }
    let head = configuration.tiesEmbeddings ? embedding : matrix(.head)
    return rows.flatMap { row in
      multiply(head, normalized(row, matrix(.finalNorm))).map { Float($0) }
    }
  }

  private func run(_ layer: Int, _ rows: inout [[Double]]) {
    func weights(_ tensor: LayerTensor) -> [Double] { matrix(.layer(layer, tensor)) }
    let attended = attention(layer, rows.map { normalized($0, weights(.inputNorm)) })
    for row in rows.indices {
      rows[row] = zip(rows[row], multiply(weights(.outputProjection), attended[row])).map { $0 + $1 }
      let normed = normalized(rows[row], weights(.postAttentionNorm))
      let gate = multiply(weights(.gateProjection), normed)
      let up = multiply(weights(.upProjection), normed)
      let gated = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
      rows[row] = zip(rows[row], multiply(weights(.downProjection), gated)).map { $0 + $1 }
    }
  }

  /// The heads' outputs side by side, for every row.
  private func attention(_ layer: Int, _ rows: [[Double]]) -> [[Double]] {
    func weights(_ tensor: LayerTensor) -> [Double] { matrix(.layer(layer, tensor)) }
    let shape = configuration.layers[layer]
    let queries = rows.enumerated().map { position, row in
      heads(multiply(weights(.queryProjection), row), weights(.queryNorm), position)
    }
    let keys = rows.enumerated().map { position, row in
      heads(multiply(weights(.keyProjection), row), weights(.keyNorm), position)
    }
    let values = rows.map { split(multiply(weights(.valueProjection), $0)) }
    return rows.indices.map { position in
      (0..<shape.queryHeadCount).flatMap { head -> [Double] in
        let source = shape.keyValueHeadOfQueryHead[head]
        let scores = (0...position).map { other in
          exp(dot(queries[position][head], keys[other][source]) / Double(configuration.headSize).squareRoot())
        }
        let sum = scores.reduce(0, +)
        return (0..<configuration.headSize).map { dimension in
          (0...position).reduce(0) { $0 + scores[$1] / sum * values[$1][source][dimension] }
        }
      }
    }
  }

  /// Normalised and rotated heads of a projected row.
  private func heads(_ row: [Double], _ norm: [Double], _ position: Int) -> [[Double]] {
    let half = configuration.headSize / 2
    return split(row).map { head in
      let normed = normalized(head, norm)
      return (0..<configuration.headSize).map { index in
        let pair = index % half
        let angle =
          Double(position) / pow(configuration.rope.theta, Double(2 * pair) / Double(configuration.headSize))
        let other = index < half ? -normed[index + half] : normed[index - half]
        return normed[index] * cos(angle) + other * sin(angle)
      }
    }
  }

  private func split(_ row: [Double]) -> [[Double]] {
    stride(from: 0, to: row.count, by: configuration.headSize).map {
      Array(row[$0..<$0 + configuration.headSize])
    }
  }

  private func normalized(_ row: [Double], _ weight: [Double]) -> [Double] {
    let mean = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
    let factor = 1 / (mean + Double(configuration.rmsNormEpsilon)).squareRoot()
    return zip(row, weight).map { $0 * factor * $1 }
  }

  private func multiply(_ matrix: [Double], _ x: [Double]) -> [Double] {
    (0..<matrix.count / x.count).map { row in
      var sum = 0.0
      for column in x.indices { sum += matrix[row * x.count + column] * x[column] }
      return sum
    }
  }

  private func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }

  private func matrix(_ name: TensorName) -> [Double] { values[name.string, default: []].map(Double.init) }
}
