"""Pinhole cameras over MuJoCo scenes: colour and metric depth from one drawing pass."""

from __future__ import annotations

import atexit
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco.gl_context import GLContext
from numpy.typing import NDArray

from depthvla.evaluation.gl import require_gl

_HALF_TURN = np.diag([-1.0, -1.0, 1.0])


@dataclass(frozen=True)
class Picture:
    """What a camera saw.

    Attributes:
        rgb: uint8 ``[H, W, 3]``.
        depth: float32 ``[H, W]``, metres along the optical axis; 0 where nothing was hit.
        intrinsics: float32 ``[3, 3]``, pixel centres at whole numbers.
        camera_to_world: float32 ``[4, 4]``, OpenCV axes (x right, y down, z forward).
    """

    rgb: NDArray[np.uint8]
    depth: NDArray[np.float32]
    intrinsics: NDArray[np.float32]
    camera_to_world: NDArray[np.float32]


def prepare_model(model: mujoco.MjModel, fovy: float) -> None:
    """Give every camera of a model one field of view, and choose the cheap way of drawing, before a renderer exists.

    Without multisampling and shadow maps software rendering is ten times faster; multisampling would also mix the
    depths on both sides of an edge.
    """
    model.vis.quality.offsamples = 0
    model.vis.quality.shadowsize = 0
    model.vis.global_.fovy = fovy
    model.cam_fovy[:] = fovy


class Renderer:
    """Draws any state of models made from the same XML, at one picture size.

    `mujoco.Renderer` draws colour and depth in two passes; one is enough, and half of the work of collecting data
    is drawing. The pixels and the metres are the same (a test compares them).
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int) -> None:
        require_gl()
        self._size = (height, width)
        self._gl: GLContext | None = GLContext(width, height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        # Reversed depth keeps float precision far away, and makes "nothing hit" exactly 0.
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._scene = mujoco.MjvScene(model, maxgeom=1000)
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
            self._scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        self._options = mujoco.MjvOption()
        # Sites mark goals, which a policy must find by itself.
        self._options.sitegroup[:] = 0
        self._rect = mujoco.MjrRect(0, 0, width, height)
        # Mesa complains when the interpreter takes the context down after the display.
        atexit.register(self.close)

    def draw(
        self, model: mujoco.MjModel, data: mujoco.MjData, camera: str | mujoco.MjvCamera, *, rolled: bool = False
    ) -> Picture:
        """Draw a state.

        Args:
            model: the model of ``data``, from the same XML as the renderer's.
            data: the state.
            camera: name of a camera in the model, or a free one.
            rolled: turn the picture by 180 degrees (Meta-World's corner cameras hang upside down), pose included.
        """
        if self._gl is None:
            raise RuntimeError("this renderer is closed")
        self._gl.make_current()
        view = _fixed(model, camera) if isinstance(camera, str) else camera
        category = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._options, None, view, category, self._scene)
        height, width = self._size
        rgb = np.empty((height, width, 3), np.uint8)
        raw = np.empty((height, width), np.float32)
        mujoco.mjr_render(self._rect, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, raw, self._rect, self._context)
        left, right = self._scene.camera
        near, far = (left.frustum_near + right.frustum_near) / 2, (left.frustum_far + right.frustum_far) / 2
        metres = np.zeros((height, width), np.float32)
        hit = raw > 0
        # glFrustum's matrix undone, in MuJoCo's reversed mapping: 0 is the far plane, 1 the near one.
        metres[hit] = far * near / (near + raw[hit].astype(np.float64) * (far - near))
        focal = height * near / (left.frustum_top - left.frustum_bottom)
        intrinsics = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1]], np.float32)
        pose = _pose(left, right)
        # OpenGL's rows run upwards; half a turn on top of that leaves only the columns to be mirrored.
        if rolled:
            pose[:3, :3] = pose[:3, :3] @ _HALF_TURN
        flip = np.s_[:, ::-1] if rolled else np.s_[::-1]
        return Picture(rgb[flip].copy(), metres[flip].copy(), intrinsics, pose.astype(np.float32))

    def close(self) -> None:
        """Give the drawing context back; a second call does nothing."""
        if self._gl is not None:
            self._context.free()
            self._gl.free()
            self._gl = None
            atexit.unregister(self.close)


def _fixed(model: mujoco.MjModel, name: str) -> mujoco.MjvCamera:
    """The camera of this name in the model. Raises KeyError, naming the cameras that there are."""
    camera = mujoco.MjvCamera()
    camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
    camera.fixedcamid = model.camera(name).id
    return camera


def _pose(left: mujoco.MjvGLCamera, right: mujoco.MjvGLCamera) -> NDArray[np.float64]:
    """Camera-to-world ``[4, 4]`` in OpenCV axes, from MuJoCo's two eyes (drawn without stereo: their middle)."""
    forward = np.asarray(left.forward, np.float64)
    down = -np.asarray(left.up, np.float64)
    pose = np.eye(4)
    pose[:3, 0] = np.cross(down, forward)
    pose[:3, 1] = down
    pose[:3, 2] = forward
    pose[:3, 3] = (np.asarray(left.pos, np.float64) + np.asarray(right.pos, np.float64)) / 2
    return pose
