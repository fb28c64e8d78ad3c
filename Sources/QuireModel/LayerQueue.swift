import Foundation
import QuireTensors
import Synchronization

/// Reads a checkpoint's layers in order, each while the caller works on the one before.
///
///     let queue = LayerQueue(loader, layers: 0..<36)
///     let first = try queue.next()   // the second is being read
///
/// Holds at most one layer besides those it has returned. One thread at a time.
package final class LayerQueue {
  private let loader: LayerLoader
  private var rest: Range<Int>
  private var coming: Reading?
  /// Total time of reading, and the part of it that `next` had to wait.
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

/// One layer that a separate thread reads into memory. The result need not be awaited.
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

  /// Waits for the layer; returns it and the duration of reading. Call it once.
  func wait() -> (layer: Result<LayerWeights, ModelError>, seconds: Double) {
    done.wait()
    guard let found = result.withLock({ $0.take() }) else {
      preconditionFailure("the layer was taken before")
    }
    return found
  }
}
