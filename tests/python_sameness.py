"""Comparing what environments give, exactly."""

from __future__ import annotations

from typing import Any

import numpy as np


def assert_same(ours: Any, other: Any, where: str = "") -> None:
    """Equal structure, keys, dtypes, shapes and bits; nested dicts and arrays of objects too."""
    assert type(ours) is type(other), f"{where}: {type(ours)} and {type(other)}"
    if isinstance(ours, dict):
        assert set(ours) == set(other), f"{where}: keys {sorted(ours)} and {sorted(other)}"
        for key in ours:
            assert_same(ours[key], other[key], f"{where}[{key!r}]")
    elif isinstance(ours, (tuple, list)):
        assert len(ours) == len(other), f"{where}: {len(ours)} and {len(other)} items"
        for i, (a, b) in enumerate(zip(ours, other, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(ours, np.ndarray):
        assert ours.dtype == other.dtype, f"{where}: dtype {ours.dtype} and {other.dtype}"
        assert ours.shape == other.shape, f"{where}: shape {ours.shape} and {other.shape}"
        if ours.dtype == object:
            for i, (a, b) in enumerate(zip(ours, other, strict=True)):
                assert_same(a, b, f"{where}[{i}]")
        else:
            np.testing.assert_array_equal(ours, other, err_msg=where)
    else:
        assert ours == other, f"{where}: {ours!r} and {other!r}"
