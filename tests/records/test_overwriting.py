"""What `--overwrite` may delete, and what it leaves when it is stopped."""

import json
import shutil
from pathlib import Path

import pytest

from atsc_keras.errors import InputError, WriteError
from atsc_keras.files.whole import files_in
from atsc_keras.records import clearing
from atsc_keras.records.manifest import Manifest
from atsc_keras.records.models import Origin
from atsc_keras.records.run import Run
from tests.records.conftest import contents, refusal, reopen


def add_to_list(folder: Path, *names: str) -> None:
    path = folder / "manifest.json"
    listed = json.loads(path.read_text())
    listed["files"] += names
    path.write_text(json.dumps(listed))


@pytest.mark.parametrize(
    "name",
    ["../x", "checkpoints/../../x", "/x", "", ".", "a/../../x", "figures/.."],
)
def test_list_that_leads_out_of_the_folder_is_refused(
    name: str, run: Path, origin: Origin
) -> None:
    outside = run.parent / "x"
    outside.write_text("mine")
    add_to_list(run, name)
    message = refusal(run, origin, resume=True)
    assert "does not lie in the folder" in message
    assert "again with --overwrite" in message
    with pytest.raises(InputError, match="does not lie in the folder"):
        with Run.renew(run) as renewed:
            renewed.remove_folder("checkpoints")
    reopen(run, origin, overwrite=True)
    assert outside.read_text() == "mine"


@pytest.mark.parametrize("name", ["figures", "checkpoints", "export", "runs"])
def test_links_are_never_followed(name: str, run: Path, origin: Origin) -> None:
    outside = run.parent / "outside"
    shutil.copytree(run, outside / "kd_seed0")
    shutil.copytree(run, outside, dirs_exist_ok=True)
    before = contents(outside)
    shutil.rmtree(run / name, ignore_errors=True)
    (run / name).symlink_to(outside)
    add_to_list(run, f"{name}/student.keras", f"{name}/kd_seed0/manifest.json")
    for decision in ("resume", "overwrite"):
        message = refusal(run, origin, **{decision: True})
        assert f"holds {name}" in message
    (run / name).unlink()
    assert contents(outside) == before


def test_folder_may_be_a_link(run: Path, origin: Origin) -> None:
    link = run.parent / "link"
    link.symlink_to(run)
    (run / "mine.keras").write_text("mine")
    assert "holds mine.keras" in refusal(link, origin, overwrite=True)
    (run / "mine.keras").unlink()
    reopen(link, origin, overwrite=True)
    assert link.is_symlink() and not (run / "student.keras").exists()


def test_all_that_is_foreign_is_named(run: Path, origin: Origin) -> None:
    names = sorted(f"mine{number}.txt" for number in range(10))
    for name in names:
        (run / name).write_text("mine")
    message = refusal(run, origin, overwrite=True)
    assert f"holds {', '.join(names[:8])} and 2 more" in message


def test_config_that_may_be_the_given_one_is_there_throughout(
    run: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = (run / "config.yaml").read_text()

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(clearing, "remove_files", stop)
        with pytest.raises(KeyboardInterrupt):
            reopen(run, origin, overwrite=True)
    with monkeypatch.context() as patch:
        patch.setattr(Run, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            reopen(run, origin, overwrite=True)
    assert files_in(run) == ["config.yaml", "manifest.json"]
    assert (run / "config.yaml").read_text() == config
    reopen(run, origin)  # as if new
    assert Run(run).load(Origin) == origin


@pytest.mark.parametrize("removed", range(7))
def test_overwriting_that_is_stopped_can_be_done_again(
    removed: int, run: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run.open(run, origin, resume=True) as comparison:
        comparison.list_inner(run / "runs" / "kd_seed0")
    with Run.open(run / "runs" / "kd_seed0", origin) as trial:
        trial.write_text("student.keras", "weights")
    unlink, left = Path.unlink, [removed]

    def stop(path: Path, missing_ok: bool = False) -> None:
        ours = path.is_relative_to(run) and ".part-" not in path.name
        if ours and "writer" not in path.name:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
        unlink(path, missing_ok=missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stop)
        with pytest.raises(KeyboardInterrupt):
            reopen(run, origin, overwrite=True)
    # Nobody goes on with what is half gone: old with holes is not old.
    if removed:
        assert "begin the run again with --overwrite" in refusal(
            run, origin, resume=True
        )
        assert not Run(run).state
    reopen(run, origin, overwrite=True)
    assert files_in(run) == ["config.yaml", "environment.json", "manifest.json"]


def test_runs_of_a_comparison_are_those_that_it_lists(
    run: Path, origin: Origin
) -> None:
    with Run.open(run, origin, resume=True) as comparison:
        for name in ("runs/kd_seed0", "rates/kd_rate0.1"):
            comparison.list_inner(run / name)
            reopen(run / name, origin)
    # Another's run, under the name that one of its own would have.
    shutil.copytree(run / "runs" / "kd_seed0", run / "runs" / "best_seed3")
    for decision in ("resume", "overwrite"):
        assert "holds runs/best_seed3/config.yaml" in refusal(
            run, origin, **{decision: True}
        )
    shutil.rmtree(run / "runs" / "best_seed3")
    reopen(run, origin, overwrite=True)
    assert not (run / "runs").exists() and not (run / "rates").exists()


def test_comparison_from_before_there_was_that_list_goes_on(
    run: Path, origin: Origin
) -> None:
    for name in ("runs/kd_seed0", "rates/kd_rate1e-05", "runs/old_seed1"):
        reopen(run / name, origin)
    shutil.copytree(run / "runs" / "kd_seed0", run / "runs" / "best")
    assert "holds runs/best/" in refusal(run, origin, resume=True)
    shutil.rmtree(run / "runs" / "best")
    with Run.open(run, origin, resume=True) as comparison:
        comparison.list_inner(run / "runs" / "new_seed0")
        reopen(run / "runs" / "new_seed0", origin)
    reopen(run, origin, resume=True)
    listed = json.loads((run / "manifest.json").read_text())["files"]
    assert "runs/old_seed1/manifest.json" in listed
    reopen(run, origin, overwrite=True)
    assert not (run / "runs").exists() and not (run / "rates").exists()


@pytest.mark.parametrize("name", ["metrics.json", "figures/accuracy.svg"])
def test_file_that_came_meanwhile_is_not_written_over(
    name: str, run: Path
) -> None:
    with Run.renew(run) as renewed:
        (run / name).parent.mkdir(exist_ok=True)
        (run / name).write_text("mine")
        with pytest.raises(WriteError, match=f"{name}.*Move it away"):
            renewed.write_text(name, "the run's")
    assert (run / name).read_text() == "mine"
    assert (
        name
        not in Manifest.model_validate_json(
            (run / "manifest.json").read_text()
        ).files
    )


def test_word_for_a_part_inside_a_name_is_no_part(
    run: Path, origin: Origin
) -> None:
    with Run.open(run, origin, resume=True) as written:
        written.write_text("a.part-b.txt", "whole")
        written.write_text("checkpoints/a.part-b/epoch-1.npz", "whole")
    reopen(run, origin, resume=True)
    assert (run / "a.part-b.txt").exists()
    assert (run / "checkpoints" / "a.part-b" / "epoch-1.npz").exists()
