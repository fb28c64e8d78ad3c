// swift-tools-version: 6.2
import PackageDescription

// Floors, from the ground up; imports only point down (see README, "The house").
// Warnings are errors in everything that is ours.
let swiftSettings: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]
let cSettings: [CSetting] = [.treatAllWarnings(as: .error)]

func room(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

func tests(
  _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies + ["TestSupport"], exclude: exclude, resources: resources,
    swiftSettings: swiftSettings)
}

let package = Package(
  name: "Quire",
  products: [.executable(name: "quire", targets: ["quire"])],
  dependencies: [],
  targets: [
    // Floor 0: C.
    .target(name: "CKernels", cSettings: cSettings),
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas",
      providers: [.apt(["libopenblas-dev"]), .brew(["openblas"])]),
    .systemLibrary(
      name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .systemLibrary(
      name: "CMicrohttpd", pkgConfig: "libmicrohttpd",
      providers: [.apt(["libmicrohttpd-dev"]), .brew(["libmicrohttpd"])]),

    // Floor 1.
    room("QuireJSON", []),
    room("QuireTensors", ["CKernels", "COpenBLAS"]),

    // Floor 2.
    room("QuireCheckpoints", ["QuireJSON", "QuireTensors"]),
    room("QuirePacks", ["QuireJSON", "QuireTensors", "CZstd"], exclude: ["Format.md"]),
    room("QuireText", ["QuireJSON"]),

    // Floor 3.
    room("QuireModel", ["QuireJSON", "QuireTensors", "QuireCheckpoints", "QuirePacks"]),
    room("QuireScheduling", []),

    // Floor 4.
    room(
      "QuireOptimization",
      ["QuireJSON", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText", "QuireModel"],
      exclude: ["Statistics/Statistics.md"]),
    room(
      "QuireGeneration", ["QuireJSON", "QuireTensors", "QuireText", "QuireModel", "QuireScheduling"]),

    // Floor 5.
    room(
      "QuireServing", ["QuireJSON", "QuireText", "QuireModel", "QuireGeneration", "CMicrohttpd"],
      exclude: ["Interface.md"]),
    room(
      "QuireEvaluation",
      [
        "QuireJSON", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText", "QuireModel",
        "QuireOptimization", "QuireGeneration",
      ]),

    // Floor 6.
    .executableTarget(
      name: "quire",
      dependencies: [
        "QuireJSON", "QuireTensors", "QuireCheckpoints", "QuirePacks", "QuireText", "QuireModel",
        "QuireOptimization", "QuireGeneration", "QuireServing", "QuireEvaluation",
      ],
      swiftSettings: swiftSettings),

    // Tests.
    .target(
      name: "TestSupport", dependencies: ["QuireJSON", "QuireTensors", "QuireCheckpoints"],
      path: "Tests/TestSupport", swiftSettings: swiftSettings),
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount", cSettings: cSettings),
    tests("QuireJSONTests", ["QuireJSON"]),
    tests("QuireTensorsTests", ["QuireTensors", "CKernels"]),
    tests("QuireCheckpointsTests", ["QuireCheckpoints", "QuireTensors", "QuireJSON"]),
    tests("QuirePacksTests", ["QuirePacks", "QuireTensors", "QuireJSON"]),
    tests("QuireTextTests", ["QuireText", "QuireJSON"], exclude: ["Fixtures"]),
    tests(
      "QuireModelTests",
      ["QuireModel", "QuireCheckpoints", "QuirePacks", "QuireTensors", "QuireJSON"],
      exclude: ["Fixtures"]),
    tests("QuireSchedulingTests", ["QuireScheduling"]),
    tests(
      "QuireOptimizationTests",
      [
        "QuireOptimization", "QuireModel", "QuirePacks", "QuireCheckpoints", "QuireTensors",
        "QuireJSON", "QuireText",
      ], exclude: ["Fixtures"]),
    tests(
      "QuireGenerationTests",
      [
        "QuireGeneration", "QuireModel", "QuireScheduling", "QuireText", "QuireTensors",
        "QuireCheckpoints", "CAllocationCount",
      ]),
    tests(
      "QuireServingTests",
      ["QuireServing", "QuireGeneration", "QuireModel", "QuireText", "QuireJSON", "QuireTensors", "QuireCheckpoints"]),
    tests(
      "QuireEvaluationTests",
      [
        "QuireEvaluation", "QuireGeneration", "QuireOptimization", "QuireModel", "QuireText",
        "QuireJSON", "QuireTensors", "QuireCheckpoints", "QuirePacks",
      ]),
    tests("CommandTests", ["QuireJSON", "QuireTensors", "QuireCheckpoints"]),
  ],
  swiftLanguageModes: [.v6]
)
