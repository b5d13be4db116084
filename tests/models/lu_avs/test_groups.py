from avseg.models.lu_avs.groups import APPEARANCE, appearance_groups, group_names

PERSON = """man speaking, woman speaking, kid speaking, male singing, female singing, child singing, people eating,
people whispering, people whistling, people laughing, people sobbing, people burping, people slapping, people coughing,
people sneezing, people nose blowing, people slurping, people shouting, people cheering, people battle cry,
baby crying, baby laughter, baby babbling, beat boxing, tap dancing"""
INSTRUMENTS = """acoustic guitar, electronic organ, violin, drum kit, piano, base guitar, cello, harp, flute, trumpet,
erhu, accordion, clarinet, tabla, saxophone, zither, synthesizer, banjo, trombone, ukulele, cornet, snare drum,
harmonica"""
OTHERS = """orchestra, car passing by, driving motorcycle, engine knocking, helicopter, auto racing, airplane flyby,
fire truck siren, police car siren, ambulance siren, train wheels squealing, train horning, skidding, driving buses,
vehicle honking, horse clip-clop, bird chirping, dog barking, dog howling, lions roaring, sheep bleating, frog croaking,
bull bellowing, cat meowing, skateboarding, sailing, basketball bounce, striking bowling, machine gun shooting,
chainsawing trees, church bell ringing, typing on computer keyboard, lawn mowing, vacuum cleaner cleaning floors,
hair dryer drying, telephone bell ringing, hammering nails, sea waves, fireworks banging, thunder"""


def _labels() -> list[str]:
    labels = [name.strip() for name in PERSON.replace("\n", " ").split(",")]
    labels += ["playing " + name.strip() for name in INSTRUMENTS.replace("\n", " ").split(",")]
    return labels + [name.strip() for name in OTHERS.replace("\n", " ").split(",")]


def test_every_grouped_label_is_one_of_the_88() -> None:
    labels = _labels()
    assert len(labels) == len(set(labels)) == 88
    grouped = [label for names in APPEARANCE.values() for label in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= set(labels)


def test_groups_follow_the_labels_in_any_order() -> None:
    labels = _labels()
    names = dict(zip(labels, group_names(labels), strict=True))
    assert names["male singing"] == names["people coughing"] == "person"
    assert names["dog barking"] == names["dog howling"] == "dog"
    assert names["baby crying"] == "baby"
    assert names["playing harp"] == "playing harp"
    numbers = appearance_groups(labels[::-1])
    assert len(set(numbers)) == len(set(names.values())) == max(numbers) + 1
    backwards = dict(zip(labels[::-1], numbers, strict=True))
    assert backwards["dog barking"] == backwards["dog howling"] != backwards["cat meowing"]


def test_unknown_labels_are_separate_groups() -> None:
    assert appearance_groups(["siren", "dog barking", "whirr", "dog howling"]) == [0, 1, 2, 1]
    assert appearance_groups([]) == []
