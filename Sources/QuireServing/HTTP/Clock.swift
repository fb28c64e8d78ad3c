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

/// A moment as logs write it: `2026-01-31T23:59:59Z`.
struct UTCTime: CustomStringConvertible {
  let secondsSince1970: Int

  var description: String {
    var seconds = time_t(secondsSince1970)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { (value < 10 ? "0" : "") + String(value) }
    return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))T"
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))Z"
  }
}
