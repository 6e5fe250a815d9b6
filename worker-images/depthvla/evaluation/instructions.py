"""What a person would ask a robot to do, for each task."""

_SENTENCES = {
    "button-press-topdown-v3": "press the button from above",
    "button-press-v3": "press the button on the wall",
    "door-open-v3": "open the door",
    "drawer-close-v3": "close the drawer",
    "drawer-open-v3": "open the drawer",
    "faucet-open-v3": "turn the faucet on",
    "handle-press-v3": "press the handle down",
    "peg-insert-side-v3": "put the peg into the hole",
    "pick-place-v3": "bring the puck to the goal",
    "push-v3": "push the puck to the goal",
    "reach-v3": "move the gripper to the goal",
    "window-close-v3": "close the window",
    "window-open-v3": "open the window",
}


def instruction_of(task: str) -> str:
    """The instruction of a Meta-World task; of one without a sentence of its own, the words of its name."""
    return _SENTENCES.get(task, task.removesuffix("-v3").replace("-", " "))
