"""Links into Blender files: the grammar."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scene.prototypes.library.links import COLLECTIONS, Attribute, Item, Link, parsed_link


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ('bpy.data.objects["A"].location', (Attribute("location"),)),
        ("bpy.data.objects['A'].location[2]", (Attribute("location"), Item(2))),
        ('bpy.data.objects["A"]["key"]', (Item("key"),)),
        ('bpy.data.objects["A"].location.x', (Attribute("location"), Attribute("x"))),
    ],
)
def test_attributes_indices_and_keys_are_steps(text: str, steps: tuple[object, ...]) -> None:
    assert parsed_link(text) == Link("objects", Item("A"), steps)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["A.001", "$a#b", "with space", "it's", "ä", "][", ""])
def test_names_hold_what_names_in_blender_hold(name: str) -> None:
    assert parsed_link(f'bpy.data.node_groups["{name}"].name').block == Item(name)


def test_a_block_may_be_counted() -> None:
    assert parsed_link("bpy.data.scenes[0].cycles.samples").block == Item(0)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "has to start with 'bpy.data.'"),
        ("data.objects['A'].x", "has to start with 'bpy.data.'"),
        ("bpy.data.object['A'].x", "unknown collection 'object'; did you mean 'objects'?"),
        ("bpy.data.texts['A'].x", "unknown collection 'texts'"),
        ("bpy.data.objects['A']", "has to go on to one of its values"),
        ("bpy.data.objects.A.x", "has to begin like"),
        ("bpy.data.objects", "has to begin like"),
        ("bpy.data.objects['A\"].x", "can't be read from character 17 on"),
        ("bpy.data.objects['A'].x()", "can't be read from character 24 on, '()'"),
        ("bpy.data.objects['A'].x + 1", "can't be read from character 24 on"),
        ("bpy.data.objects['A'].x[-1]", "can't be read from character 24 on"),
        ("bpy.data.objects['A'][__import__('os')]", "can't be read from character 22 on"),
        ("bpy.data.objects['A'].x\n", "can't be read from character 24 on"),
    ],
)
def test_anything_else_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=re.escape(problem)):
        parsed_link(text)


STEPS = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True).map(Attribute),
    st.integers(0, 999_999).map(Item),
    st.text(st.characters(exclude_characters='"\\\n', codec="utf-8")).map(Item),
)


@given(st.sampled_from(COLLECTIONS), st.text('ab.$#"[] '), st.lists(STEPS, min_size=1))
def test_what_a_link_reads_as_is_the_same_link(
    collection: str, block: str, steps: list[Attribute | Item]
) -> None:
    link = Link(collection, Item(block), tuple(steps))
    assert parsed_link(str(link)) == link
