"""Jobs in threads: what a failure leaves undone."""

import pytest

from nl2code.sampling.threads import in_threads


def test_after_a_failure_no_job_begins():
    begun = []

    def job(i):
        begun.append(i)
        if i == 2:
            raise ValueError(i)

    with pytest.raises(ValueError, match="2"):
        in_threads([lambda i=i: job(i) for i in range(200)], 1)
    assert begun == [0, 1, 2] and in_threads([], 1) == []
