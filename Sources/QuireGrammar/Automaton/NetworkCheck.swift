/// Turns what the builder has collected into a network: without what matches nothing, refused with left recursion,
/// edges in order of their nodes.
struct NetworkCheck {
  private let drafts: [NetworkBuilder.DraftEdge]
  private let nodeCount: Int
  private let starts: [Int32]
  private let ends: [Int32]

  static func finish(
    _ builder: NetworkBuilder, grammar: Grammar, root: Int
  ) throws(GrammarError) -> Network {
    let all = NetworkCheck(builder, drafts: builder.drafts)
    let isProductive = all.reachingEnds { _ in true }
    guard isProductive.nodes[Int(builder.starts[root])] else {
      throw GrammarError(
        "expected a constraint that some text satisfies, found one that no text can; correct the contradiction"
      )
    }
    let useful = zip(builder.drafts, isProductive.edges).filter(\.1).map(\.0)
    let check = NetworkCheck(builder, drafts: useful)
    if let rule = check.leftRecursion() {
      throw GrammarError(
        """
        rule '\(grammar.rules[rule].name)': expected rules that read something before they use themselves, found left \
        recursion; write the repetition with * or + instead
        """)
    }
    return check.network(builder, tagCount: grammar.tags.count, root: root)
  }

  private init(_ builder: NetworkBuilder, drafts: [NetworkBuilder.DraftEdge]) {
    self.drafts = drafts
    nodeCount = builder.isEnd.count
    starts = builder.starts
    ends = builder.ends
  }

  /// The nodes from which the end of their rule can be reached by edges of the kinds asked for, and the edges that lead
  /// to such nodes. A call counts when the rule that it calls can be left, and what follows it reaches the end.
  ///
  /// Each edge waits for one or two nodes, so the time is linear in the size of the network.
  private func reachingEnds(
    _ takes: (Network.EdgeKind) -> Bool
  ) -> (nodes: [Bool], edges: [Bool]) {
    var waiting = Lists(count: nodeCount)
    var missingCounts = [UInt8](repeating: 0, count: drafts.count)
    for (index, draft) in drafts.enumerated() {
      guard takes(draft.edge.kind) else {
        missingCounts[index] = .max
        continue
      }
      if draft.edge.kind == .call {
        missingCounts[index] = 2
        waiting.add(index, to: Int(starts[Int(draft.edge.target)]))
        waiting.add(index, to: Int(draft.edge.returnNode))
      } else {
        missingCounts[index] = 1
        waiting.add(index, to: Int(draft.edge.target))
      }
    }
    var reaches = [Bool](repeating: false, count: nodeCount)
    var pending = ends
    for end in ends { reaches[Int(end)] = true }
    while let node = pending.popLast() {
      waiting.forEach(of: Int(node)) { index in
        missingCounts[index] -= 1
        let source = Int(drafts[index].source)
        guard missingCounts[index] == 0, !reaches[source] else { return }
        reaches[source] = true
        pending.append(drafts[index].source)
      }
    }
    return (reaches, missingCounts.map { $0 == 0 })
  }

  private func network(_ builder: NetworkBuilder, tagCount: Int, root: Int) -> Network {
    var counts = [Int32](repeating: 0, count: nodeCount + 1)
    for draft in drafts { counts[Int(draft.source) + 1] += 1 }
    for node in 0..<nodeCount { counts[node + 1] += counts[node] }
    var edges = [Network.Edge](repeating: Network.Edge(kind: .free, target: 0), count: drafts.count)
    var nextPlaces = counts
    var firstMoves = Array(counts.dropLast())
    for reads in [true, false] {
      for draft in drafts where (draft.edge.kind == .bytes || draft.edge.kind == .tag) == reads {
        var edge = draft.edge
        if edge.kind == .call { edge.target = starts[Int(edge.target)] }
        let source = Int(draft.source)
        edges[Int(nextPlaces[source])] = edge
        nextPlaces[source] += 1
      }
      if reads { for node in 0..<nodeCount { firstMoves[node] = nextPlaces[node] } }
    }
    let (classes, classCount) = byteClasses()
    return Network(
      edges: edges, firstEdges: counts, firstMoves: firstMoves, isEnd: builder.isEnd,
      alikes: builder.alikes, classes: classes, byteClassCount: classCount, tagCount: tagCount,
      start: starts[root], startAfterThought: starts[root + 1])
  }

  /// Cuts the bytes wherever an edge begins or ends.
  private func byteClasses() -> (classes: [UInt8], count: Int) {
    var begins = [Bool](repeating: false, count: 257)
    for draft in drafts where draft.edge.kind == .bytes {
      begins[Int(draft.edge.low)] = true
      begins[Int(draft.edge.high) + 1] = true
    }
    var classes: [UInt8] = [0]
    for byte in 1..<256 {
      classes.append(begins[byte] ? classes[byte - 1] + 1 : classes[byte - 1])
    }
    return (classes, Int(classes[255]) + 1)
  }
}

// MARK: - Left recursion

extension NetworkCheck {
  /// A rule that can call itself before anything has been read, by calls that something has to follow. Such calls would
  /// pile up without end. A call in last position piles up nothing.
  private func leftRecursion() -> Int? {
    let skips = reachingEnds { $0 == .free || $0 == .call }.nodes
    var leaving = Lists(count: nodeCount)
    for (index, draft) in drafts.enumerated()
    where draft.edge.kind == .free || draft.edge.kind == .call {
      leaving.add(index, to: Int(draft.source))
    }
    let isEnd = Set(ends)
    var calls: [(caller: Int, callee: Int, isLast: Bool)] = []
    var seen = [Bool](repeating: false, count: nodeCount)
    for rule in starts.indices {
      var pending = [starts[rule]]
      seen[Int(starts[rule])] = true
      while let node = pending.popLast() {
        leaving.forEach(of: Int(node)) { index in
          let edge = drafts[index].edge
          var next: Int32? = edge.target
          if edge.kind == .call {
            let callee = Int(edge.target)
            calls.append((rule, callee, isEnd.contains(edge.returnNode)))
            next = skips[Int(starts[callee])] ? edge.returnNode : nil
          }
          if let next, !seen[Int(next)] {
            seen[Int(next)] = true
            pending.append(next)
          }
        }
      }
    }
    let components = StrongComponents.of(count: starts.count, edges: calls.map { ($0.caller, $0.callee) })
    return calls.first { !$0.isLast && components[$0.caller] == components[$0.callee] }?.caller
  }
}
