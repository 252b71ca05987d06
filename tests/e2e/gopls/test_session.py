"""The client is right about gopls: what the watch is later held against."""

from tests.support.cgroups import memory_cgroup
from tests.support.gopls_session import Gopls, drive
from tests.support.workload import status

MIB = 1 << 20


def test_a_session_from_initialize_to_shutdown(gopls: Gopls) -> None:
    with memory_cgroup() as group, gopls.server(group) as server:
        at_rest: list[int] = []
        session = drive(
            server,
            gopls.files,
            before_shutdown=lambda: at_rest.append(status(server.pid)["VmRSS"]),
        )
        assert session.exit_code == 0, server.stderr()
        assert session.symbols > 0
        # The edits moved the first function down by two lines; the hover found it there.
        assert "func ParseLine" in session.hovered
        # 50 open files of a module of 520: hundreds of MiB, and it keeps them.
        assert session.peak_bytes >= at_rest[0] > 100 * MIB
