// swift-tools-version: 6.2
import PackageDescription

// Targets by layer, the lowest first; imports only point down (see Sources/ARCHITECTURE.md).
// Warnings are errors in everything that is ours.
let swiftSettings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

func library(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

/// Tests are compiled without optimization, which would take minutes of each build. What they call is optimized, and
/// so are tests that compute much themselves.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], exclude: [String] = [],
  optimized: Bool = false
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, resources: resources,
    swiftSettings: swiftSettings + (optimized ? [] : [.unsafeFlags(["-Onone"])]))
}

let package = Package(
  name: "Quire",
  products: [.executable(name: "quire", targets: ["quire"])],
  dependencies: [],
  targets: [
    // Layer 0: C.
    .target(name: "CKernels", cSettings: cSettings),
    .target(name: "CCurl", cSettings: cSettings),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CMicrohttpd", pkgConfig: "libmicrohttpd",
      providers: [.apt(["libmicrohttpd-dev"]), .brew(["libmicrohttpd"])]),

    // Layer 1.
    library("QuireJSON", []),
    library("QuireFiles", ["CKernels"]),
    library("QuireTensors", ["CKernels", "COpenBLAS"]),

    // Layer 2.
    library(
      "QuireCheckpoints", ["QuireJSON", "QuireFiles", "QuireTensors"],
      exclude: ["GGUF/GGUF.md", "Quantized/Quantized.md"]),
    library("QuirePacks", ["QuireJSON", "QuireFiles", "QuireTensors", "CZstd"], exclude: ["Format.md"]),
    library("QuireText", ["QuireJSON", "QuireFiles"]),
    library("QuireRemote", ["QuireJSON", "QuireTensors", "CCurl"]),

    // Layer 3.
    library(
      "QuireModel",
      ["QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText"]),
    library("QuireScheduling", []),
    library("QuireGrammar", ["QuireJSON", "QuireText"]),

    // Layer 4.
    library(
      "QuireModelFiles",
      [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText",
        "QuireModel",
      ]),
    library(
      "QuireCalibration",
      ["QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuireText", "QuireModel"],
      exclude: ["Statistics/Statistics.md"]),

    // Layer 5.
    library(
      "QuireOptimization",
      ["QuireJSON", "QuireFiles", "QuireTensors", "QuireModel", "QuireCalibration"]),
    library(
      "QuireGeneration",
      [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireText", "QuireModel", "QuireScheduling",
        "QuireGrammar",
      ]),

    // Layer 6.
    library(
      "QuireConversion",
      [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText",
        "QuireModel",
        "QuireCalibration", "QuireOptimization",
      ]),

    // Layer 7.
    library(
      "QuireServing",
      [
        "QuireJSON", "QuireTensors", "QuireText", "QuireModel", "QuireGrammar", "QuireGeneration",
        "CMicrohttpd",
      ],
      exclude: ["Interface.md", "Page/Source"]),
    library(
      "QuireEvaluation",
      [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText",
        "QuireModel", "QuireModelFiles",
        "QuireCalibration", "QuireOptimization", "QuireConversion", "QuireGeneration", "QuireRemote",
      ],
      exclude: ["Servers/Servers.md"]),

    library(
      "QuireExport",
      [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText",
        "QuireModel", "QuireModelFiles",
      ],
      exclude: ["Formats.md"]),

    // Layer 8.
    .executableTarget(
      name: "quire",
      dependencies: [
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText",
        "QuireModel", "QuireModelFiles",
        "QuireCalibration", "QuireOptimization", "QuireConversion", "QuireGeneration", "QuireServing",
        "QuireEvaluation", "QuireExport", "QuireRemote",
      ],
      exclude: ["Configuration/Configuration.md"],
      swiftSettings: swiftSettings),

    // Tests.
    .target(
      name: "TestSupport",
      dependencies: ["QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuireText"],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .target(
      name: "FuzzParsers",
      dependencies: [
        "QuireJSON", "QuireFiles", "QuireCheckpoints", "QuirePacks", "QuireText", "QuireModel",
        "QuireGrammar",
        "QuireCalibration", "QuireConversion", "QuireGeneration", "QuireServing", "TestSupport",
      ], path: "Tests/FuzzParsers", swiftSettings: swiftSettings),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount", cSettings: cSettings),
    .target(name: "CPseudoTerminal", path: "Tests/CPseudoTerminal", cSettings: cSettings),
    tests("QuireJSONTests", ["QuireJSON"]),
    tests("QuireFilesTests", ["QuireFiles", "QuireTensors"]),
    tests("QuireTensorsTests", ["QuireTensors", "CKernels"], optimized: true),
    tests(
      "QuireCheckpointsTests", ["QuireCheckpoints", "QuireFiles", "QuireTensors", "QuireJSON"],
      exclude: ["Fixtures"], optimized: true),
    tests("QuirePacksTests", ["QuirePacks", "QuireFiles", "QuireTensors", "QuireJSON"], optimized: true),
    tests("QuireTextTests", ["QuireText", "QuireJSON"], exclude: ["Fixtures"]),
    tests("QuireRemoteTests", ["QuireRemote", "QuireJSON"]),
    tests(
      "QuireModelTests",
      ["QuireModel", "QuireCheckpoints", "QuirePacks", "QuireFiles", "QuireTensors", "QuireJSON"],
      exclude: ["Fixtures"], optimized: true),
    tests("QuireSchedulingTests", ["QuireScheduling"]),
    tests("QuireGrammarTests", ["QuireGrammar", "QuireText", "QuireJSON"]),
    tests(
      "QuireModelFilesTests",
      [
        "QuireModelFiles", "QuireModel", "QuirePacks", "QuireCheckpoints", "QuireTensors", "QuireText",
        "QuireJSON",
      ], optimized: true),
    tests(
      "QuireCalibrationTests",
      [
        "QuireCalibration", "QuireModel", "QuireCheckpoints", "QuireFiles", "QuireTensors", "QuireJSON",
        "QuireText",
      ], optimized: true),
    tests(
      "QuireOptimizationTests",
      ["QuireOptimization", "QuireCalibration", "QuireModel", "QuireTensors", "QuireJSON"],
      exclude: ["Fixtures"], optimized: true),
    tests(
      "QuireConversionTests",
      [
        "QuireConversion", "QuireOptimization", "QuireCalibration", "QuireModel", "QuirePacks",
        "QuireCheckpoints",
        "QuireFiles", "QuireTensors", "QuireJSON", "QuireText",
      ], optimized: true),
    tests(
      "QuireGenerationTests",
      [
        "QuireGeneration", "QuireModel", "QuireScheduling", "QuireGrammar", "QuireText", "QuireJSON",
        "QuireFiles",
        "QuireTensors",
        "QuireCheckpoints", "CAllocationCount",
      ]),
    tests(
      "QuireServingTests",
      [
        "QuireServing", "QuireGeneration", "QuireGrammar", "QuireModel", "QuireText", "QuireJSON",
        "QuireFiles",
        "QuireTensors", "QuireCheckpoints",
      ]),
    tests(
      "QuireEvaluationTests",
      [
        "QuireEvaluation", "QuireGeneration", "QuireConversion", "QuireOptimization", "QuireCalibration",
        "QuireModelFiles", "QuireModel", "QuireText", "QuireRemote",
        "QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "QuirePacks",
      ]),
    tests(
      "QuireExportTests",
      [
        "QuireExport", "QuireModelFiles", "QuireModel", "QuirePacks", "QuireCheckpoints", "QuireText",
        "QuireTensors", "QuireFiles", "QuireJSON",
      ], optimized: true),
    tests("FuzzTests", ["FuzzParsers"]),
    tests(
      "CommandTests", ["QuireJSON", "QuireFiles", "QuireTensors", "QuireCheckpoints", "CPseudoTerminal"]),
  ],
  swiftLanguageModes: [.v6]
)

// The program of `tools/check-templates`; other builds do not see it.
if Context.environment["QUIRE_TEMPLATES"] != nil {
  package.targets += [
    .executableTarget(
      name: "quire-templates", dependencies: ["QuireJSON", "QuireText"], path: "Tests/Templates",
      swiftSettings: swiftSettings)
  ]
}

// The program of `tools/check-threads`; other builds do not see it.
if Context.environment["QUIRE_THREADS"] != nil {
  package.targets += [
    .executableTarget(
      name: "quire-threads", dependencies: ["CKernels", "QuireTensors"], path: "Tests/Threads",
      swiftSettings: swiftSettings)
  ]
}

// The libFuzzer program of `tools/fuzz`; other builds do not see it.
if Context.environment["QUIRE_FUZZ"] != nil {
  package.targets += [
    .systemLibrary(name: "CFuzzer", path: "Tests/CFuzzer"),
    .executableTarget(
      name: "quire-fuzz", dependencies: ["CFuzzer", "FuzzParsers", "TestSupport"], path: "Tests/Fuzz",
      swiftSettings: swiftSettings),
  ]
}
