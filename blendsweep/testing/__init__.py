"""What every implementation of a protocol must do, as pytest suites for packages that offer one."""

from __future__ import annotations

import pkgutil

import pytest

# So that a failed assertion of a suite shows its values, as those of test modules do.
pytest.register_assert_rewrite(*(f"{__name__}.{m.name}" for m in pkgutil.iter_modules(__path__)))
