import Foundation
import QuireTensors
import Synchronization

/// Reads a checkpoint's layers one after the other, each while the one before is being worked on.
///
///     let queue = LayerQueue(loader, layers: 0..<36)
///     let first = try queue.next()   // and the second is on its way
///
/// Holds one layer at most besides those it has handed out. One thread at a time.
package final class LayerQueue {
  private let loader: LayerLoader
  private var rest: Range<Int>
  private var coming: Reading?
  /// How long reading took so far, and how much of that `next` had to wait.
  package private(set) var readingSeconds = 0.0
  package private(set) var waitingSeconds = 0.0

  package init(_ loader: LayerLoader, layers: Range<Int>) {
    self.loader = loader
    rest = layers
    startReading()
  }

  /// The next layer. Precondition: there is one.
  package func next() throws(ModelError) -> LayerWeights {
    guard let reading = coming else { preconditionFailure("all layers have been handed out") }
    let start = ContinuousClock.now
    let (result, seconds) = reading.wait()
    waitingSeconds += (ContinuousClock.now - start) / .seconds(1)
    readingSeconds += seconds
    startReading()
    return try result.get()
  }

  private func startReading() {
    coming = rest.popFirst().map { Reading(loader, $0) }
  }
}

/// One layer on its way into memory, by a thread of its own. Nobody need wait for it.
private final class Reading: Sendable {
  private let result = Mutex<(layer: Result<LayerWeights, ModelError>, seconds: Double)?>(nil)
  private let done = DispatchSemaphore(value: 0)

  init(_ loader: LayerLoader, _ index: Int) {
    NativeThread.start(named: "layer-reader") {
      let start = ContinuousClock.now
      let found = Result { () throws(ModelError) in try loader.layer(index) }
      let seconds = (ContinuousClock.now - start) / .seconds(1)
      self.result.withLock { $0 = (found, seconds) }
      self.done.signal()
    }
  }

  /// Waits for the layer; how long it took to read. Call it once.
  func wait() -> (layer: Result<LayerWeights, ModelError>, seconds: Double) {
    done.wait()
    guard let found = result.withLock({ $0.take() }) else {
      preconditionFailure("the layer was taken before")
    }
    return found
  }
}
