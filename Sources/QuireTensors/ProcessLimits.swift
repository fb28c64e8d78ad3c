import CKernels
import Foundation

/// The resources that this process may use: containers and administrators often allow less than the machine has.
package enum ProcessLimits {
  /// Gives memory that was freed back to the system, where the allocator keeps it.
  package static func releaseFreedMemory() { quire_release_freed_memory() }

  /// Processors that this process may run on at the same time: those of its affinity mask, or fewer where a control
  /// group limits its CPU time. At least 1.
  package static var processorCount: Int {
    // Foundation counts those of the machine, ignoring the affinity mask.
    let affinity = Int(quire_affinity_count())
    let allowed = affinity > 0 ? affinity : ProcessInfo.processInfo.activeProcessorCount
    return max(1, min(allowed, quotaCount ?? allowed))
  }

  /// Physical cores that this process may use: the same, but processors that share a core count once. They share its
  /// arithmetic units, so a thread on each makes matrix products no faster. At least 1.
  package static var coreCount: Int {
    let folder = "/sys/devices/system/cpu/cpu"
    let cores = coreCount(allowing: { quire_affinity_has(Int32($0)) != 0 }) { processor in
      try? String(contentsOfFile: "\(folder)\(processor)/topology/thread_siblings_list", encoding: .utf8)
    }
    return max(1, min(processorCount, cores ?? processorCount))
  }

  /// Processors that may be used, those with the same siblings counted once; nil where nothing is known.
  package static func coreCount(allowing isAllowed: (Int) -> Bool, siblings: (Int) -> String?) -> Int? {
    let lists = (0..<1024).lazy.filter(isAllowed).compactMap(siblings)
    let cores = Set(lists.map { $0.trimmingCharacters(in: .whitespacesAndNewlines) })
    return cores.isEmpty ? nil : cores.count
  }

  /// Bytes that this process may still allocate before a limit of its control group or its address space is
  /// reached; nil without such a limit.
  package static var remainingMemoryBytes: Int? {
    [controlGroupMemory, addressSpace].compactMap { $0 }.min()
  }

  /// Rounded down to whole processors: with a thread for a part of one, the others would wait for it.
  private static var quotaCount: Int? {
    let version2 = ControlGroup.values("cpu.max", of: .version2).compactMap { text -> Double? in
      let parts = text.split(separator: " ").compactMap { Double($0) }
      return parts.count == 2 ? parts[0] / parts[1] : nil
    }
    let quotas = ControlGroup.values("cpu.cfs_quota_us", of: .cpu).map { Double($0) ?? -1 }
    let periods = ControlGroup.values("cpu.cfs_period_us", of: .cpu).map { Double($0) ?? 0 }
    let version1 = zip(quotas, periods).compactMap { $0 > 0 && $1 > 0 ? $0 / $1 : nil }
    return (version1 + version2).min().map { max(1, Int($0)) }
  }

  private static var controlGroupMemory: Int? {
    func remaining(_ limit: String, _ usage: String, _ controller: ControlGroup.Controller) -> Int? {
      let limits = ControlGroup.values(limit, of: controller).map(Int.init)
      let usages = ControlGroup.values(usage, of: controller).map(Int.init)
      let caches = ControlGroup.values("memory.stat", of: controller).map(fileCacheBytes)
      return zip(zip(limits, usages), caches).compactMap { pair, cache in
        // Version 1 represents "no limit" by a number near the largest.
        guard let limit = pair.0, let usage = pair.1, limit < 1 << 60 else { return nil }
        return max(0, limit - max(0, usage - cache))
      }.min()
    }
    return [
      remaining("memory.max", "memory.current", .version2),
      remaining("memory.limit_in_bytes", "memory.usage_in_bytes", .memory),
    ].compactMap { $0 }.min()
  }

  /// Pages of files count as used but are reclaimed when memory is needed.
  private static func fileCacheBytes(_ statistics: String) -> Int {
    statistics.split(separator: "\n").reduce(0) { sum, line in
      let parts = line.split(separator: " ")
      let counts = parts.count == 2 && ["inactive_file", "active_file"].contains(parts[0])
      return sum + (counts ? Int(parts[1]) ?? 0 : 0)
    }
  }

  private static var addressSpace: Int? {
    #if os(Linux)
      var limit = rlimit()
      guard getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit) == 0, limit.rlim_cur < 1 << 60,
        let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8),
        let pages = text.split(separator: " ").first.flatMap({ Int($0) })
      else { return nil }
      return max(0, Int(limit.rlim_cur) - pages * Int(sysconf(Int32(_SC_PAGESIZE))))
    #else
      return nil
    #endif
  }
}

/// The control groups that this process belongs to.
private enum ControlGroup {
  /// A hierarchy: the unified one, or one of version 1.
  enum Controller: String {
    case version2 = ""
    case cpu, memory
  }

  /// The contents of the file `name` in the process's group and in each group around it, innermost first.
  static func values(_ name: String, of controller: Controller) -> [String] {
    folders(controller).compactMap { try? String(contentsOfFile: $0 + "/" + name, encoding: .utf8) }
      .map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
  }

  private static func folders(_ controller: Controller) -> [String] {
    guard let text = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return [] }
    // Lines are "number:controllers:path".
    let fields = text.split(separator: "\n").map {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
    }
    guard
      let line = fields.first(where: {
        $0.count == 3
          && $0[1].split(separator: ",", omittingEmptySubsequences: false).contains {
            $0 == controller.rawValue
          }
      })
    else { return [] }
    let roots =
      controller == .version2
      ? ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
      : ["/sys/fs/cgroup/" + controller.rawValue, "/sys/fs/cgroup/" + line[1]]
    guard let root = roots.first(where: { FileManager.default.fileExists(atPath: $0) }) else { return [] }
    // In a container the path may be the host's; the groups that are visible there end at the root.
    var folders: [String] = []
    var path = String(line[2])
    while !path.isEmpty, path != "/" {
      folders.append(root + path)
      path = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
    }
    return folders + [root]
  }
}
