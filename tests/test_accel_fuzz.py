"""Spoiled models: an answer or a one-line refusal, never a traceback, a signal, two seconds or a gigabyte."""

import accel.onnx_import
from benchmarks import fuzz_import
from benchmarks.import_samples import models

MUTANTS, SEED = 2000, 0


def test_mutants_are_answered_or_refused():
    outcome = fuzz_import.fuzz(MUTANTS, SEED)
    print(f"seed {SEED}: {dict(outcome.counts)}; slowest {outcome.slowest_seconds:.2f} s")
    assert not outcome.failures, outcome.failures[0][1]
    assert outcome.counts.total() == MUTANTS
    assert outcome.counts["refused"] > MUTANTS / 4
    assert outcome.counts["ran"] > MUTANTS / 10


def test_the_seeds_are_many_and_mutants_are_reproducible():
    assert len(models()) >= 20
    assert list(fuzz_import.mutants(30, 5)) == list(fuzz_import.mutants(30, 5))
    assert len(set(fuzz_import.mutants(100, 5))) > 90


def test_what_escapes_is_a_failure(monkeypatch):
    def broken(data):
        raise ValueError("escaped")

    monkeypatch.setattr(accel.onnx_import, "load", broken)
    assert fuzz_import._tried(b"").startswith("failed: Traceback")


def test_a_worker_that_dies_is_a_failure(monkeypatch):
    monkeypatch.setattr(fuzz_import, "mutants", lambda count, seed: iter([b"", b""]))
    monkeypatch.setattr(fuzz_import, "_ask", lambda worker, data: worker.kill())
    outcome = fuzz_import.fuzz(2, 0)
    assert outcome.counts["failed"] == 2
    assert "SIGKILL" in outcome.failures[0][1]
