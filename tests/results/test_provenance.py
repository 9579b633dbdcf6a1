"""Where figures come from is told as the installed packages themselves say it."""

from importlib.metadata import version

from evalkit.results.provenance import packages


def test_every_installed_package_is_told_with_its_version_in_the_order_of_names() -> None:
    told = packages()
    assert list(told) == sorted(told, key=str.lower)
    names = ["numpy", "faiss-cpu", "pandas", "hydra-core"]
    assert {name: told[name] for name in names} == {name: version(name) for name in names}
