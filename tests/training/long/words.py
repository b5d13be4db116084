"""The commands that train small branches of long videos in seconds."""

BRANCHES = {
    "mask": ["model=toy_lu_avs_mask", "model.network=tiny"],
    "box": ["model=toy_lu_avs_box", "model.network=tiny"],
    "audio": ["model=toy_lu_avs_audio"],
    "tpavi": ["model=toy_avs_long", "data.image_size=32", "model.channels=8"],
    "strong_mask": ["model=toy_lu_avs_strong_mask", "model.visual=[model=toy_lu_avs_mask,model.network=tiny]"],
    "strong_box": ["model=toy_lu_avs_strong_box", "model.visual=[model=toy_lu_avs_box,model.network=tiny]"],
}
# of the toy that `lu_toy` makes; what belongs to one branch alone stands with it
COMMON = ["data.labels=7", "trainer.max_epochs=1", "trainer=cpu", "trainer.enable_progress_bar=false"]


def words(branch, root, outputs, *more):
    """`avseg train` of a small branch."""
    return ["train", *BRANCHES[branch], *COMMON, f"data.root={root}", f"paths.outputs={outputs}", *more]
