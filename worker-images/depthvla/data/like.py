"""How published datasets are trained on, by their name and the format that they are in."""

from __future__ import annotations

from depthvla.data.episodes import Wanted

_BRIDGE_TRANSFORMS = ("binary_gripper", "reached_pose")

LIKE: dict[str, dict[str, Wanted]] = {
    # Before the first step nothing was commanded yet: its action is of no use.
    "bridge": {
        "rlds": Wanted(
            cameras=("image_0",), state=("state",), action=("action",), skip_first=1, transforms=_BRIDGE_TRANSFORMS
        ),
        "lerobot": Wanted(cameras=("observation.images.image_0",), skip_first=1, transforms=_BRIDGE_TRANSFORMS),
    },
    "galaxea": {
        # The 26 dimensions of an action are arm (6) and gripper, left and right, torso (6), base (6).
        "rlds": Wanted(
            cameras=("image_camera_head", "image_camera_wrist_left", "image_camera_wrist_right"),
            state=(
                "joint_position_arm_left",
                "gripper_state_left",
                "joint_position_arm_right",
                "gripper_state_right",
                "joint_position_torso",
                "base_velocity",
            ),
            action=("action",),
            instruction_part=2,
        ),
        "lerobot": Wanted(
            cameras=(
                "observation.images.head_rgb",
                "observation.images.left_wrist_rgb",
                "observation.images.right_wrist_rgb",
            ),
            state=tuple(
                f"observation.state.{part}"
                for part in (
                    "left_arm", "left_gripper", "right_arm", "right_gripper", "torso", "chassis.velocities",
                )
            ),
            action=tuple(
                f"action.{part}"
                for part in ("left_arm", "left_gripper", "right_arm", "right_gripper", "chassis.velocities")
            ),
        ),
    },
}  # fmt: skip
