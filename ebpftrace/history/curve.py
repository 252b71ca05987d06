"""Records the curve of a run in at most 64 points, however long it lasts."""

from ebpftrace.history.run import CurvePoint

MAX_POINTS = 64
_FIRST_STEP_S = 0.25


class CurveRecorder:
    """Keeps the highest value of each step, with its time.

    A step is a quarter of a second; when 64 are full, it doubles and two become one.
    """

    __slots__ = ("_last_bytes", "_points", "_step_s", "peak_bytes")

    def __init__(self) -> None:
        self.peak_bytes = self._last_bytes = 0
        self._step_s = _FIRST_STEP_S
        self._points: list[CurvePoint] = []

    def add(self, age_s: float, held_bytes: int) -> None:
        """What is held `age_s` seconds after the start; ages never go back."""
        self.peak_bytes = max(self.peak_bytes, held_bytes)
        self._last_bytes = held_bytes
        self._widen(age_s)
        self._append(CurvePoint(age_s, held_bytes))

    def stay_until(self, age_s: float) -> None:
        """As much was held all the time as was added last. The same as to add it again and
        again, at what it costs for 64 points.
        """
        if not self._points:
            return
        self._widen(age_s)
        last = self._points[-1]
        for step in range(self._step(last) + 1, int(age_s / self._step_s) + 1):
            self._append(CurvePoint(step * self._step_s, self._last_bytes))

    def _widen(self, age_s: float) -> None:
        while age_s >= self._step_s * MAX_POINTS:
            self._step_s *= 2
            points, self._points = self._points, []
            for point in points:
                self._append(point)

    @property
    def points(self) -> tuple[CurvePoint, ...]:
        """The curve so far, oldest first."""
        return tuple(self._points)

    def _append(self, point: CurvePoint) -> None:
        """The highest of each step stays: the first, where several are equal."""
        points = self._points
        if not points or self._step(points[-1]) != self._step(point):
            points.append(point)
        elif point.held_bytes > points[-1].held_bytes:
            points[-1] = point

    def _step(self, point: CurvePoint) -> int:
        return int(point.age_s / self._step_s)
