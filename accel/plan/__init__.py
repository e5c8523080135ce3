"""Folds, buffers and FIFOs of a network on a target."""

from __future__ import annotations

from accel.plan.make import make
from accel.plan.model import Plan, State

__all__ = ["Plan", "State", "make"]
