"""The commands that train small branches of long videos in seconds."""

BRANCHES = {
    "mask": ["branch=toy_mask", "branch.model=tiny"],
    "box": ["branch=toy_box", "branch.model=tiny"],
    "audio": ["branch=toy_audio"],
    "tpavi": ["branch=toy_tpavi", "data.image_size=32", "task.channels=8"],
    "strong_mask": ["branch=toy_strong_mask", "branch.visual=[branch=toy_mask,branch.model=tiny]"],
    "strong_box": ["branch=toy_strong_box", "branch.visual=[branch=toy_box,branch.model=tiny]"],
}
# of the toy that `lu_toy` makes; what belongs to one branch alone stands with it
COMMON = ["data.labels=7", "data.epochs=1", "trainer=cpu", "trainer.enable_progress_bar=false"]


def words(branch, root, outputs, *more):
    """`avseg train` of a small branch."""
    return ["train", *BRANCHES[branch], *COMMON, f"data.root={root}", f"paths.outputs={outputs}", *more]
