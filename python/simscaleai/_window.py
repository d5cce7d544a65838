"""render_mode="human": a window that shows pictures, by glfw and PyOpenGL (MuJoCo's wheel needs both)."""

from __future__ import annotations

import os
import sys
import time

import numpy as np

RENDER_MODES = ("human", "rgb_array")


def has_display() -> bool:
    """Whether a window could be opened here."""
    return sys.platform != "linux" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Window:
    """A window of width × height pixels, which opens with its first picture."""

    @classmethod
    def open(cls, render_mode: str | None, width: int, height: int) -> Window | None:
        """For a new environment: its window, if its mode wants one."""
        if render_mode not in (None, *RENDER_MODES):
            raise ValueError(f"render_mode must be None, 'rgb_array' or 'human', got {render_mode!r}")
        if render_mode != "human":
            return None
        if not has_display():
            raise RuntimeError(
                "render_mode='human' needs a display, and neither DISPLAY nor WAYLAND_DISPLAY is set;"
                " use render_mode='rgb_array'"
            )
        return cls(width, height)

    def __init__(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._window = None
        self._next = 0.0

    def _start(self) -> None:
        import glfw

        if not glfw.init():
            raise RuntimeError(
                "render_mode='human': glfw can't reach the display; use render_mode='rgb_array'"
            )
        glfw.window_hint(glfw.RESIZABLE, glfw.FALSE)
        self._window = glfw.create_window(*self._size, "SimScaleAI", None, None)
        if not self._window:
            raise RuntimeError(
                "render_mode='human': glfw can't open a window with OpenGL; use render_mode='rgb_array'"
            )

    def show(self, picture: np.ndarray, seconds: float) -> None:
        """Shows [height, width, 3] uint8 when its time has come: `seconds` after the last one."""
        import glfw
        from OpenGL import GL

        if self._window is None:
            self._start()
        previous = glfw.get_current_context()
        glfw.make_context_current(self._window)
        width, height = glfw.get_framebuffer_size(self._window)
        GL.glViewport(0, 0, width, height)
        GL.glRasterPos2f(-1, 1)
        # OpenGL's first row is the lowest.
        GL.glPixelZoom(width / picture.shape[1], -height / picture.shape[0])
        GL.glPixelStorei(GL.GL_UNPACK_ALIGNMENT, 1)
        GL.glDrawPixels(picture.shape[1], picture.shape[0], GL.GL_RGB, GL.GL_UNSIGNED_BYTE, picture.tobytes())
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = max(self._next, time.monotonic() - seconds) + seconds
        glfw.swap_buffers(self._window)
        glfw.make_context_current(previous)
        glfw.poll_events()

    def close(self) -> None:
        """Closes the window, if there is one. glfw itself stays: others may use it."""
        if self._window is not None:
            import glfw

            glfw.destroy_window(self._window)
            self._window = None
