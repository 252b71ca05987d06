from tests.support.watches import identity


def test_account_survives_a_restart_if_the_job_can_be_recognised() -> None:
    job = identity()._replace(key="42", restart_key="docker:/docker/1")
    assert job.account == "docker:/docker/1"
    assert job._replace(restart_key="").account == "42"
