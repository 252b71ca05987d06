"""Every detector of the room is registered."""

import importlib
import inspect
import pkgutil
from dataclasses import fields
from typing import Any

import ebpftrace.judge.detectors as room
from ebpftrace.judge.condition_kind import ConditionKind
from ebpftrace.judge.detector import Detector
from ebpftrace.judge.detectors.builtin import builtin_detectors

MODULES = [
    importlib.import_module(f"{room.__name__}.{module.name}")
    for module in pkgutil.iter_modules(room.__path__)
]


def test_every_condition_kind_is_registered() -> None:
    defined = {
        value.name: value
        for module in MODULES
        for value in vars(module).values()
        if isinstance(value, ConditionKind)
    }
    assert defined == room.CONDITION_KINDS


def test_every_detector_is_asked_for_by_a_policy_or_built_in() -> None:
    defined = {
        value
        for module in MODULES
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, Detector) and value is not Detector
    }
    built_in = {type(detector) for detector in builtin_detectors()}
    assert len(defined) >= len(built_in)
    asked: set[Any] = defined - built_in
    for detector in asked:
        (name,) = (field.default for field in fields(detector) if field.name == "name")
        assert name in room.CONDITION_KINDS
