package import QuireGeneration
package import QuireText

/// Where a server listens and what it allows clients to do.
package struct ServerOptions: Sendable, Equatable {
  /// The address to listen on: a name or an IP address; `init` also takes an IPv6 address in brackets. Only this machine
  /// can reach 127.0.0.1.
  package var host: String
  /// 0 selects a free port; see `Server.port`.
  package var port: Int
  /// The model name that clients use.
  package var modelName: String
  /// Further names of the model.
  package var modelAliases: [String] = []
  /// Whether requests may name any model. Answers have `modelName`.
  package var acceptsAnyModel = false
  package var http = HTTPLimits()
  /// Maximum answers per request: prompts × `n`.
  package var maximumChoices = 256
  /// Origins of web pages that may use the server, in addition to those of this machine. Read by `OriginPattern`.
  package var allowedOrigins: Set<String> = []
  /// Host names that requests may use, in addition to those of this machine; `*` for all.
  package var allowedHosts: Set<String> = []

  /// Keys of which every request must present one, except those for the page and the server's health. Without any, every
  /// request is answered.
  package var apiKeys: [String] = []
  /// Whether `GET /` is answered with the page.
  package var showsPage = true
  /// Whether `GET /slots` is answered.
  package var showsSlots = true
  /// Memory for responses that a request can continue by their id; 0 stores none.
  package var storedResponseBytes = 64 << 20
  /// The program's version, for `GET /version`.
  package var version = "0"

  /// Data about the model that clients can read.
  package var facts = ModelFacts()

  /// Sampling parameters for requests that give none.
  package var samplingDefaults = SamplingDefaults()

  /// How chats think that do not say it themselves.
  package var thinking = ThinkingDefaults()

  package init(host: String = "127.0.0.1", port: Int = 8080, modelName: String) {
    self.host = IPAddress.withoutBrackets(host)
    self.port = port
    self.modelName = modelName
  }

  /// Throws for the first option that is out of range.
  ///
  /// - Parameter format: The model's chat format; nil before the model is opened.
  package func check(_ format: ChatFormat? = nil) throws(ServingError) {
    try checkNumbers()
    try checkNames()
    try thinking.check(format)
  }

  private func checkNumbers() throws(ServingError) {
    let positive: [(String, Double)] = [
      ("http.headerSeconds", http.headerSeconds), ("http.bodySeconds", http.bodySeconds),
      ("http.idleSeconds", http.idleSeconds), ("http.pingSeconds", http.pingSeconds),
      ("http.stalledSeconds", http.stalledSeconds),
      ("http.bodyBytes", Double(http.bodyBytes)), ("http.connectionCount", Double(http.connectionCount)),
      ("http.allBodiesBytes", Double(http.allBodiesBytes)),
      ("http.allAnswersBytes", Double(http.allAnswersBytes)),
      ("http.backlogBytes", Double(http.backlogBytes)),
      ("maximumChoices", Double(maximumChoices)),
    ]
    for (name, value) in positive where !(value > 0 && value <= 1e9) {
      throw .invalidOption(
        name: name, sentence: "expected \(name) above 0 and at most 1e9, found \(value); change it")
    }
    guard (4096...1 << 24).contains(http.headerBytes) else {
      throw .invalidOption(
        name: "http.headerBytes",
        sentence: "expected http.headerBytes from 4096 to \(1 << 24), found \(http.headerBytes); change it")
    }
  }

  /// Whether a request for a model of this name is answered.
  func accepts(model name: String) -> Bool {
    acceptsAnyModel || name == modelName || modelAliases.contains(name)
  }

  private func checkNames() throws(ServingError) {
    guard !host.isEmpty else {
      throw .invalidOption(
        name: "host",
        sentence:
          "expected an address or a name to listen on, found an empty one; use 127.0.0.1 for this machine "
          + "only, or 0.0.0.0 for every network")
    }
    for origin in allowedOrigins.sorted() where OriginPattern(origin) == nil {
      throw .invalidOption(
        name: "allowedOrigins",
        sentence:
          "expected '*', 'null' or an origin such as https://chat.example.org, found '\(origin)'; correct it")
    }
    for host in allowedHosts.sorted() where !HostPolicy.canAllow(host) {
      throw .invalidOption(
        name: "allowedHosts",
        sentence:
          "expected '*' or a host name without a port such as models.example.org, found '\(host)'; correct it"
      )
    }
    guard apiKeys.allSatisfy(APIKeys.canBe) else {
      throw .invalidOption(
        name: "apiKeys",
        sentence: "expected \(APIKeys.kind), found another one; correct it")
    }
    guard !modelName.isEmpty else {
      throw .invalidOption(
        name: "modelName", sentence: "expected a name of the model, found an empty one; correct it")
    }
    guard !modelAliases.contains("") else {
      throw .invalidOption(
        name: "modelAliases", sentence: "expected a name, found an empty one; correct it")
    }
  }
}
