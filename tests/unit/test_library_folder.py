"""Libraries of prototypes: which files there are, what YAML says, which ones a recipe uses."""

from pathlib import Path

import pytest

from scene.prototypes.geometry import GeometryPrototype
from scene.prototypes.library.folder import Library, content_hash, library_problem
from scene.prototypes.library.settings import GeometrySettings, LinkedFeature
from scene.prototypes.material import MaterialPrototype

LINK = 'bpy.data.objects["GeometryPrototype"].location[2]'


def put(folder: Path, name: str, content: str = "") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def test_a_prototype_is_found_in_the_first_library_that_has_it(tmp_path: Path) -> None:
    put(tmp_path, "two/geometries/a.blend")
    put(tmp_path, "two/geometries/b.stl")
    first = put(tmp_path, "one/geometries/a.blend")
    library = Library([tmp_path / "one", tmp_path / "two"])
    found = library.find(GeometryPrototype, "a")
    assert found is not None
    assert found.path == first
    assert library.names(GeometryPrototype) == {"a", "b"}
    assert library.find(MaterialPrototype, "a") is None


@pytest.mark.parametrize("name", ["", "../geometries/a", "/etc/passwd", "$plugins.x.Y", "a\0"])
def test_a_name_leads_nowhere_else(tmp_path: Path, name: str) -> None:
    put(tmp_path, "geometries/a.blend")
    assert Library([tmp_path]).find(GeometryPrototype, name) is None


def test_yaml_without_a_blend_file_is_an_error(tmp_path: Path) -> None:
    file = put(tmp_path, "materials/a.yaml")
    with pytest.raises(ValueError, match=f"{file} describes .*a.blend, which does not exist"):
        Library([tmp_path]).find(MaterialPrototype, "a")


@pytest.mark.parametrize("name", ["a $b", "flake (2)", "a#1"])
def test_a_file_whose_name_no_recipe_can_say_is_named(tmp_path: Path, name: str) -> None:
    file = put(tmp_path, f"geometries/{name}.stl")
    library = Library([tmp_path])
    assert library.names(GeometryPrototype) == set()
    with pytest.raises(ValueError, match=r"rename the file$") as caught:
        library.find(GeometryPrototype, name)
    assert str(caught.value).startswith(f"{file}: ")


def test_an_ending_may_be_in_capitals(tmp_path: Path) -> None:
    file = put(tmp_path, "geometries/a.STL")
    library = Library([tmp_path])
    found = library.find(GeometryPrototype, "a")
    assert found is not None
    assert (found.path, found.is_stl) == (file, True)
    assert library.names(GeometryPrototype) == {"a"}


@pytest.mark.parametrize("ending", ["stl", "STL"])
def test_two_formats_of_one_name_are_an_error(tmp_path: Path, ending: str) -> None:
    put(tmp_path, "geometries/a.blend")
    put(tmp_path, f"geometries/a.{ending}")
    with pytest.raises(ValueError, match=rf"a\.blend and .*a\.{ending} have the same name"):
        Library([tmp_path]).find(GeometryPrototype, "a")


def settings(tmp_path: Path, text: str) -> object:
    put(tmp_path, "geometries/a.blend")
    put(tmp_path, "geometries/a.yaml", text)
    found = Library([tmp_path]).find(GeometryPrototype, "a")
    assert found is not None
    return found.settings()


def test_yaml_names_features_and_the_object(tmp_path: Path) -> None:
    text = f"name_in_blend_file: Rock\nfeatures:\n- {{name: z, blender_link: '{LINK}'}}\n"
    assert settings(tmp_path, text) == GeometrySettings(
        name_in_blend_file="Rock", features=(LinkedFeature(name="z", blender_link=LINK),)
    )
    assert settings(tmp_path, "") == GeometrySettings()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("feature: []", "feature: unknown key 'feature'; did you mean 'features'?"),
        ("blend_file_path: a", "blend_file_path: unknown key"),
        ("name: a", "name: unknown key"),
        ("_target_: a", "_target_: unknown key"),
        ("background_object_name: a", "background_object_name: unknown key"),
        ("features: [{name: z}]", "features.0.blender_link: is missing"),
        ("features: [{name: z, blender_link: a.b}]", "features.0.blender_link: has to start with"),
        ("name_in_blend_file: 1", "name_in_blend_file: expected a text, got 1"),
        (
            f"features: [{{name: z, blender_link: '{LINK}'}}, {{name: z, blender_link: '{LINK}'}}]",
            "features: two features are called 'z'",
        ),
        ("features: [", "a.yaml: "),
    ],
)
def test_what_is_wrong_in_yaml_is_one_sentence_with_file_and_key(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(ValueError, match=r"a\.yaml: ") as caught:
        settings(tmp_path, text)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_library_has_one_of_its_folders(tmp_path: Path) -> None:
    (tmp_path / "geometries").mkdir()
    assert library_problem(tmp_path) is None
    assert "give the folder above it" in str(library_problem(tmp_path / "geometries"))
    (tmp_path / "empty").mkdir()
    assert "holds none of the folders" in str(library_problem(tmp_path / "empty"))
    assert "is not a folder" in str(library_problem(tmp_path / "none"))


def test_a_content_hash_follows_both_files(tmp_path: Path) -> None:
    file = put(tmp_path, "geometries/a.blend", "1")
    hashes = [content_hash(file)]
    put(tmp_path, "geometries/a.yaml", "{}")
    hashes.append(content_hash(file))
    put(tmp_path, "geometries/a.blend", "12")
    hashes.append(content_hash(file))
    assert len(set(hashes)) == 3
