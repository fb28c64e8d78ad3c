#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Lets the calling thread sleep.
func pauseThread(milliseconds: Int) {
  var pause = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
  nanosleep(&pause, nil)
}

/// Seconds since 1970.
func unixTime() -> Int {
  time(nil)
}
