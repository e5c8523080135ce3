"""Work as flat records."""

from dataclasses import fields

import numpy as np

from accel.layers import registry
from accel.work import WORK_DTYPE, Kind, Work, to_records


def test_records_hold_every_field_of_every_work():
    works = [w for layer in registry().values() for e in layer.examples() for w in e.layer.work(e.shapes)]
    records = to_records(works)
    assert records.dtype == WORK_DTYPE
    for field in fields(Work):
        assert np.array_equal(records[field.name], [int(getattr(w, field.name)) for w in works])
    assert set(records["kind"]) == {int(kind) for kind in Kind}


def test_no_work_is_no_record():
    assert to_records([]).shape == (0,)
