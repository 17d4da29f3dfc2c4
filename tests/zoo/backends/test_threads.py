"""Small work has one thread inside a backend, large work what there was, and outside nothing has changed."""

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import zoo
from zoo.backends import threads

BESIDE = 2  # threads that the libraries are given here, whatever the machine has


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away the choice that the tests' own environment makes, and what earlier tests found loaded."""
    for name in threads.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    threads._libraries.cache_clear()


def counts() -> set[int]:
    return {library["num_threads"] for library in threadpool_info()}


def program_and_probe(backend: str) -> tuple[Any, Callable[..., set[int]]]:
    """Return a small program, and a method of programs that says how many threads each library has inside."""
    scoped = importlib.import_module(f"zoo.backends.{backend}_bound").scoped

    @scoped
    def probe(program: Any, data: Any = None, rows: Any = None) -> set[int]:
        return counts()

    return zoo.fit("gmm", K=2, restarts=1, num_steps=1, backend=backend).program, probe


def test_small_work_has_one_thread_and_the_count_is_put_back(backend: str) -> None:
    program, probe = program_and_probe(backend)
    with threadpool_limits(BESIDE):
        assert probe(program) == {1}
        assert counts() == {BESIDE}


def test_the_count_is_put_back_after_an_error(backend: str) -> None:
    importlib.import_module(f"zoo.backends.{backend}_backend")
    with threadpool_limits(BESIDE):
        with pytest.raises(FloatingPointError), threads.suited(0, backend):
            raise FloatingPointError
        assert counts() == {BESIDE}


def test_whoever_sets_the_variable_has_chosen(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, probe = program_and_probe(backend)
    monkeypatch.setenv("OMP_NUM_THREADS", str(BESIDE))
    with threadpool_limits(BESIDE):
        assert probe(program) == {BESIDE}


@pytest.mark.needs("pyro")
def test_in_pyro_the_numbers_of_a_step_decide() -> None:
    program, probe = program_and_probe("pyro")
    # Two columns, two components: a row is four numbers.
    many = {"x": np.zeros((threads.MANY // 4, 2), np.float32)}
    few = {"x": many["x"][:-1]}
    batch = np.zeros((3, threads.MANY // 4), int)
    with threadpool_limits(BESIDE):
        assert probe(program, many) == {BESIDE}
        assert probe(program, few) == {1}
        assert probe(program, None, batch) == {BESIDE}
        assert probe(program, None, batch[:, 1:]) == {1}
        program.size = threads.MANY // 4
        assert probe(program) == {BESIDE}


@pytest.mark.needs("numpyro")
def test_in_numpyro_blas_has_one_thread_at_every_size() -> None:
    program, probe = program_and_probe("numpyro")
    with threadpool_limits(BESIDE):
        assert probe(program, {"x": np.zeros((threads.MANY, 2), np.float32)}) == {1}


def test_a_worker_beside_others_tells_xla_and_keeps_what_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NPROC", "8")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    for _ in range(2):
        threads.keep_to_one()
    assert os.environ["NPROC"] == "1"
    assert os.environ["XLA_FLAGS"] == "--xla_cpu_enable_fast_math=false --xla_cpu_multi_thread_eigen=false"
