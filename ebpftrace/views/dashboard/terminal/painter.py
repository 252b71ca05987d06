"""Turns one frame into the next in as few bytes as possible."""

from collections.abc import Sequence

from rich.color import ColorSystem
from rich.style import Style

from ebpftrace.views.cells import cells
from ebpftrace.views.dashboard.render.spans import Line

_BEGIN, _END = (
    "\x1b[?2026h",
    "\x1b[?2026l",
)  # synchronized output, if supported
_SYSTEMS = {
    "standard": ColorSystem.STANDARD,
    "256": ColorSystem.EIGHT_BIT,
    "truecolor": ColorSystem.TRUECOLOR,
    "windows": ColorSystem.STANDARD,
}


class Painter:
    """Remembers what is on the screen, and writes only the lines that changed."""

    def __init__(self, color_system: str | None, encoding: str = "utf-8") -> None:
        # Styles stay bold, dim or reverse without colours.
        self._system = _SYSTEMS.get(color_system or "", ColorSystem.STANDARD)
        self._encoding = encoding
        self._shown: list[Line] = []
        self._size = (0, 0)
        self._codes: dict[Style, tuple[str, str]] = {}

    def forget(self) -> None:
        """Write the next frame in full: the content of the screen is unknown."""
        self._size = (0, 0)

    def paint(self, lines: Sequence[Line], width: int, height: int) -> bytes:
        """The bytes that change the screen to `lines`; empty if nothing changed."""
        out: list[str] = []
        if self._size != (width, height):
            out.append("\x1b[m\x1b[2J")
            self._shown, self._size = [()] * height, (width, height)
        for number, line in enumerate(lines[:height]):
            if line != self._shown[number]:
                self._shown[number] = line
                out.append(f"\x1b[{number + 1}H")
                self._line(line, width, out)
        for number in range(len(lines), height):
            if self._shown[number]:
                self._shown[number] = ()
                out.append(f"\x1b[{number + 1}H\x1b[K")
        if not out:
            return b""
        return f"{_BEGIN}{''.join(out)}{_END}".encode(self._encoding, "replace")

    def _line(self, line: Line, width: int, out: list[str]) -> None:
        column = 1
        for text, style, _ in line:
            if style:
                codes = self._codes.get(style)
                if codes is None:
                    before, _, after = style.render("\0", color_system=self._system).partition(
                        "\0"
                    )
                    codes = self._codes[style] = (before, after)
                out += (codes[0], text, codes[1])
            else:
                out.append(text)
            if text.isascii():
                column += len(text)
            else:
                # Terminals differ in the width of some characters: place what follows.
                column += cells(text)
                out.append(f"\x1b[{column}G")
        if column <= width:  # at the edge it would erase the last column
            out.append("\x1b[K")
