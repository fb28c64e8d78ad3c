#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Locks an opened file or folder until its descriptor is closed. Throws, and closes it, where another process has it
/// locked.
func lock(_ descriptor: Int32) throws(FileFailure) {
  guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
    let isBusy = errno == EWOULDBLOCK
    let failure = FileFailure.last
    _ = close(descriptor)
    throw isBusy
      ? FileFailure(
        reason: "another process is writing it",
        remedy: "wait until that is done or choose another path and run again") : failure
  }
}
