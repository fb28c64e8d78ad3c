"""A platform plug-in of vLLM that takes the zentorch platform on every CPU; vLLM's own choice takes it on AMD's only."""


def platform() -> str:
    import zentorch  # noqa: F401

    return "vllm.platforms.zen_cpu.ZenCpuPlatform"
