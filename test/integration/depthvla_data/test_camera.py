import mujoco
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from depthvla.evaluation.camera import Picture
from depthvla.evaluation.metaworld import CAMERA, MetaWorld
from depthvla.evaluation.scenery import SceneRequest, photograph


@pytest.fixture(scope="module")
def world() -> MetaWorld:
    world = MetaWorld("drawer-open-v3")
    world.reset(3)
    for _ in range(20):
        world.step(world.expert_action())
    return world


def distance_along_rays(world: MetaWorld, picture: Picture, pixels: np.ndarray) -> np.ndarray:
    """Depth along the axis at pixels ``[n, 2]`` (x, y) by MuJoCo's own ray casts: no drawing involved."""
    pose = picture.camera_to_world.astype(np.float64)
    groups = np.array([1, 1, 1, 0, 0, 0], np.uint8)
    out = []
    for x, y in pixels:
        ray = pose[:3, :3] @ np.linalg.inv(picture.intrinsics.astype(np.float64)) @ (x, y, 1)
        length = np.linalg.norm(ray)
        hit = np.zeros(1, np.int32)
        distance = mujoco.mj_ray(world.model, world.data, pose[:3, 3], ray / length, groups, 1, -1, hit)
        out.append(distance / length if distance >= 0 else 0)
    return np.array(out)


def test_depth_is_what_rays_through_the_pixels_measure(world: MetaWorld) -> None:
    renderer = world.renderer(96, 64)
    picture = world.look(renderer)
    renderer.close()
    rng = np.random.default_rng(0)
    pixels = np.stack([rng.integers(0, 96, 300), rng.integers(0, 64, 300)], axis=1)
    drawn = picture.depth[pixels[:, 1], pixels[:, 0]]
    cast = distance_along_rays(world, picture, pixels)
    seen = (drawn > 0) & (cast > 0)
    assert seen.sum() > 150
    error = np.abs(drawn - cast)[seen]
    assert np.median(error) < 1e-5
    # A ray may pass an edge on the other side than the pixel's colour does.
    assert (error < 1e-3).mean() > 0.97


def test_nothing_hit_is_nothing_measured(world: MetaWorld) -> None:
    renderer = world.renderer(96, 96)
    depth = world.look(renderer).depth
    renderer.close()
    assert 0.02 < (depth == 0).mean() < 0.5
    assert depth.max() < 20


def test_one_pass_draws_what_mujocos_own_renderer_draws_in_two(world: MetaWorld) -> None:
    ours = world.renderer(64, 64)
    picture = world.look(ours)
    ours.close()
    options = mujoco.MjvOption()
    options.sitegroup[:] = 0
    with mujoco.Renderer(world.model, 64, 64) as theirs:
        for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
            theirs.scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
        theirs.update_scene(world.data, CAMERA, options)
        assert_array_equal(picture.rgb, np.rot90(theirs.render(), 2))
        theirs.enable_depth_rendering()
        theirs.update_scene(world.data, CAMERA, options)
        depth = np.rot90(theirs.render(), 2)
    seen = picture.depth > 0
    assert_allclose(picture.depth[seen], depth[seen], rtol=1e-4)
    # Where nothing is hit MuJoCo says how far away its far plane is.
    assert depth[~seen].min() > 100


def test_free_cameras_agree_with_rays_too_and_all_differ() -> None:
    request = SceneRequest("drawer-open-v3", 20_000, 4, 64, 48)
    pictures = photograph(request)
    assert len({p.camera_to_world.tobytes() for p in pictures}) == 4
    again = photograph(request)
    assert all(a.rgb.tobytes() == b.rgb.tobytes() for a, b in zip(pictures, again, strict=True))
    for p in pictures:
        assert_allclose(p.camera_to_world[:3, :3] @ p.camera_to_world[:3, :3].T, np.eye(3), atol=1e-5)
        # The middle of the picture is something on or above the floor, in metres.
        height = p.camera_to_world[2, 3] + p.camera_to_world[2, 2] * p.depth[24, 32]
        assert -1.0 < height < 1.5
