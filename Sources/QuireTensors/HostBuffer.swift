import Foundation

/// Zeroed, 64-byte aligned memory that lives as long as its owner. Large buffers request huge pages, which saves
/// loops that stream weights a TLB miss every 4 KiB.
///
///     let scores = HostBuffer<Float>(count: heads * tokens)  // (head, token)
///     scores[3] = 1
///
/// Use it for memory that kernels read and write; use `Array` for everything small.
// Unchecked: the pointer never changes; the owner synchronizes writes, as for any raw memory.
package final class HostBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
  package let count: Int
  package let pointer: UnsafeMutablePointer<Element>
  private let mappedByteCount: Int

  private static var hugePageBytes: Int { 2 << 20 }

  /// Memory for `count` zero elements.
  package init(count: Int) {
    precondition(count >= 0)
    self.count = count
    let (asked, isTooMuch) = count.multipliedReportingOverflow(by: MemoryLayout<Element>.stride)
    // No address space is larger than 2^47 bytes; below it the rounding up cannot overflow.
    if isTooMuch || asked > 1 << 47 { ResourceFailure.endForMemory(byteCount: isTooMuch ? .max : asked) }
    let byteCount = max(64, asked)
    if byteCount >= 2 * Self.hugePageBytes {
      // Anonymous mappings are zeroed on first access: untouched pages cost nothing.
      let length = (byteCount + Self.hugePageBytes - 1) / Self.hugePageBytes * Self.hugePageBytes
      let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
      guard let address, address != MAP_FAILED else {
        ResourceFailure.endForMemory(byteCount: length)
      }
      #if os(Linux)
        madvise(address, length, 14 /* MADV_HUGEPAGE */)
      #endif
      mappedByteCount = length
      pointer = address.bindMemory(to: Element.self, capacity: count)
    } else {
      var address: UnsafeMutableRawPointer?
      guard posix_memalign(&address, 64, byteCount) == 0, let address else {
        ResourceFailure.endForMemory(byteCount: byteCount)
      }
      memset(address, 0, byteCount)
      mappedByteCount = 0
      pointer = address.bindMemory(to: Element.self, capacity: count)
    }
  }

  /// Takes the memory of the first `byteCount` bytes from the system now. Otherwise that happens at their first use, whose
  /// loops then wait for pages to be cleared. Contents stay as they are; a system that cannot do this ignores it.
  package func populate(byteCount: Int) {
    #if os(Linux)
      guard mappedByteCount > 0, byteCount > 0 else { return }
      madvise(pointer, min(byteCount, mappedByteCount), 23 /* MADV_POPULATE_WRITE, Linux 5.14 */)
    #endif
  }

  package convenience init(_ elements: some Collection<Element>) {
    self.init(count: elements.count)
    _ = buffer.initialize(fromContentsOf: elements)
  }

  deinit {
    if mappedByteCount > 0 {
      munmap(pointer, mappedByteCount)
    } else {
      free(pointer)
    }
  }

  package var buffer: UnsafeMutableBufferPointer<Element> { .init(start: pointer, count: count) }
  package var byteCount: Int { count * MemoryLayout<Element>.stride }
  package var bytes: UnsafeMutableRawBufferPointer { .init(start: pointer, count: byteCount) }

  package subscript(index: Int) -> Element {
    get { buffer[index] }
    set { buffer[index] = newValue }
  }
}
