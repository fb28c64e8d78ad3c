"""The running of the programs in turn, and the repetition of cells that the machine disturbed."""

import os
import re
import time
from pathlib import Path

from engines import Quire, Worker
from environment import PeerError, Peers
from models import Models
from programs import Cell, Program, Task

STEADY = 0.95  # of the run's best compute probe: under it a cell is measured again ...
AGAIN = 2  # ... at most so many times


class Contest:
    """Programs that take turns: A B C, B C A, … each in a process of its own, so that memory holds one at a time."""

    def __init__(self, task: Task, programs: list[Program], peers: Peers, quire: Path, folder: Path, say):
        self.task = task
        self.programs = programs
        self.peers = peers
        self.quire = Quire(quire, task)
        self.models = Models(folder / "models", say)
        self.logs = folder / "logs"
        self.say = say
        self.best = 0.0
        self.left_out: dict[Program, str] = {}

    def run(self, rounds: int, minutes: float | None = None) -> list[dict]:
        """Results in the order in which they were measured: {"program", "round", "about", "cells"}.

        A peer that fails is left out of all rounds; the programs that remain are compared. After so many minutes no
        program is begun, and an interrupt ends the contest: what has been measured until then counts."""
        self.prepare()
        results = []
        begin = time.monotonic()
        try:
            for turn, program in self.turns(rounds):
                if minutes and time.monotonic() - begin > 60 * minutes:
                    self.say(f"{minutes:g} minutes have passed: the rest is left out")
                    break
                if program not in self.left_out:
                    self.say(f"round {turn + 1} of {rounds}: {program.name}")
                    self.take_turn(turn, program, results)
        except KeyboardInterrupt:
            self.say("interrupted: the rest is left out")
        return [result for result in results if result["program"] not in self.left_out]

    def turns(self, rounds: int):
        """Who runs when: A B C, B C A, …"""
        for turn in range(rounds):
            start = turn % len(self.programs)
            for program in self.programs[start:] + self.programs[:start]:
                yield turn, program

    def prepare(self) -> None:
        """Makes all model files before anything is measured: writing them out would disturb it."""
        for program in self.programs:
            if program.engine == "quire":
                continue
            try:
                self.models.of(program, self.task.shape, self.peers.python(program.engine))
            except PeerError as error:
                self.leave_out(program, error)
        os.sync()

    def leave_out(self, program: Program, error: PeerError) -> None:
        if program.engine == "quire":
            raise error
        self.say(f"{program.name} is left out: {error}")
        self.left_out[program] = str(error)

    def take_turn(self, turn: int, program: Program, results: list[dict]) -> None:
        try:
            if program.engine == "quire":
                cells = self.steady(lambda cells: self.quire.measure(program, cells))
                about = self.quire.about
            else:
                about, cells = self.measure_peer(program)
            results.append({"program": program, "round": turn, "about": about, "cells": cells})
        except PeerError as error:
            self.leave_out(program, error)

    def measure_peer(self, program: Program) -> tuple[dict, list[dict]]:
        task = self.task
        model = self.models.of(program, task.shape, self.peers.python(program.engine))
        words = {
            "model": str(model), "threads": task.threads, "promptTokens": task.prompt_tokens, "batches": task.batches,
            "generateTokens": task.generate_tokens, "contexts": task.contexts, "settings": program.settings,
            "cacheGiB": task.cache_gib,
        }
        self.logs.mkdir(parents=True, exist_ok=True)
        environment = self.peers.variables(program.engine, program.settings, task.threads, task.cache_gib)
        python = self.peers.python(program.engine)
        log = self.logs / f"{program.name}.log"
        worker = Worker(program, task, python, words, environment, log)
        try:
            check_kernels(program, worker.about["kernels"])
            cells = self.steady(lambda cells: worker.measure(cells, self.quire.probe))
        finally:
            worker.close()
        return worker.about, [self.with_bytes(program, cell) for cell in cells]

    def with_bytes(self, program: Program, result: dict) -> dict:
        """The result with the bytes a second that its steps read: weights once, and the cache of every sequence."""
        cell, shape = result["cell"], self.task.shape
        if cell.phase == "prompt":
            return result
        rows = cell.batch * cell.context * 2 * shape.layers * shape.kv_heads * shape.head_size
        count = self.models.step_bytes(program, shape) + rows * program.cache_bytes
        seconds = sorted(result["seconds"])[len(result["seconds"]) // 2]
        return result | {"gbPerSecond": count / seconds / 1e9}

    def steady(self, measure) -> list[dict]:
        """All cells, those again beside which the compute probe was low; of a cell's tries that with the best probe."""
        kept: dict[Cell, dict] = {}
        cells = self.task.cells
        for attempt in range(1 + AGAIN):
            if attempt:
                self.say(f"measuring {', '.join(cell.title for cell in cells)} again: the probe was under {STEADY:.0%}")
            for result in measure(cells):
                cell = result["cell"]
                better = max(kept.get(cell, result), result, key=compute)
                kept[cell] = better | {"tries": attempt + 1}
                self.best = max(self.best, compute(result))
            cells = [cell for cell in kept if compute(kept[cell]) < STEADY * self.best]
            if not cells:
                break
        return list(kept.values())


def compute(result: dict) -> float:
    return result["limits"]["int8GMACPerSecond"]


def check_kernels(program: Program, kernels: list[str]) -> None:
    """Drops a row whose engine does not name the code that the row claims to measure."""
    text = "; ".join(kernels)
    if program.proof and not re.search(program.proof, text):
        raise PeerError(f"expected kernels that match {program.proof!r}, found {text or 'none named'}: no row without that proof")
    if program.disproof and re.search(program.disproof, text):
        raise PeerError(f"expected no kernels that match {program.disproof!r}, found {text}: no row without that proof")
