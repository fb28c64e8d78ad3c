#!/usr/bin/env python3
"""Replicas of `vllm serve` on the nodes of a Ray cluster, after one address, by Ray Serve. For CPUs; see README.md.

    ray start --head ...            # on the first node, and `ray start --address HEAD:6379` on the others
    python3 replicas.py MODEL --replicas 2 --cpus 2 --host 0.0.0.0 --port 8000

MODEL is a folder that every node has at the same path. Each replica starts a vLLM server on its node and forwards to it,
streams too. A replica whose server ended is started again.
"""

import argparse
import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time

import aiohttp
import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse, StreamingResponse


@serve.deployment
class Replica:
    def __init__(self, model: str, name: str, options: list[str]):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # Next to Python, which need not be on the path of Ray's workers.
        program = shutil.which("vllm", path=os.path.dirname(sys.executable)) or "vllm"
        self.server = subprocess.Popen(
            [program, "serve", model, "--served-model-name", name, "--host", "127.0.0.1", "--port", str(port), *options])
        self.session = None

    def __del__(self):
        self.server.terminate()

    async def client(self) -> aiohttp.ClientSession:
        """Once the server answers. A large model takes minutes to load."""
        if self.session is None:
            session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
            while True:
                self.check_health()
                try:
                    async with session.get(f"{self.url}/health") as answer:
                        if answer.status == 200:
                            break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(1)
            self.session = session
        return self.session

    def check_health(self) -> None:
        """Asked by Ray Serve, which replaces a replica that raises."""
        if self.server.poll() is not None:
            raise RuntimeError(f"the vLLM server ended with {self.server.returncode}")

    async def __call__(self, request: Request):
        client = await self.client()
        headers = {"Content-Type": request.headers.get("content-type", "application/json")}
        try:
            answer = await client.request(
                request.method, self.url + request.url.path, data=await request.body(), headers=headers)
        except aiohttp.ClientError as error:
            return JSONResponse({"error": {"message": str(error), "type": "server_error"}}, status_code=502)

        async def parts():
            async with answer:
                async for part in answer.content.iter_any():
                    yield part

        return StreamingResponse(parts(), status_code=answer.status, media_type=answer.content_type)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--name", default="model")
    parser.add_argument("--replicas", type=int, default=2)
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of the cluster that each replica reserves")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    asked, options = parser.parse_known_args()
    ray.init(address=os.environ.get("RAY_ADDRESS", "auto"))
    serve.start(http_options={"host": asked.host, "port": asked.port}, proxy_location="HeadOnly")
    replica = Replica.options(
        num_replicas=asked.replicas, ray_actor_options={"num_cpus": asked.cpus}, max_ongoing_requests=64)
    # The time to load a large model.
    serve.run(replica.bind(os.path.abspath(asked.model), asked.name, options), name="quire", route_prefix="/")
    while True:
        time.sleep(3600)


main()
