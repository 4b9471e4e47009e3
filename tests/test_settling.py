"""Automatic choices that are measured: which, when, and that they leave no trace."""

import os

import pytest
import torch
import yaml
from making import compose, make

from aerun import settling
from aerun.build import build, load_data
from aerun.cli import main
from aerun.compiling import missing
from aerun.resolving import resolve
from aerun.settling import candidates, fastest, num_cores, seconds_per_step, settle

LARGE = ("model=stacked", "model.hidden=[300]", "trainer.batch_size=300",
         "trainer.threads=auto")  # fmt: skip


@pytest.fixture
def cores(monkeypatch):
    """Says how many cores there are, and that steps take so long with each number."""

    def say(number, seconds):
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
        allowed = set(range(number))
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: allowed, raising=False)
        measured = {n: [s] for n, s in seconds.items()}
        monkeypatch.setattr(settling, "seconds_per_step", lambda *given: measured)

    return say


def _settled(*overrides):
    config = compose(*overrides)
    return settle(config, load_data(config))["trainer"]["threads"]


def test_more_threads_are_taken_only_where_they_are_clearly_faster(cores):
    """Two threads at twice the speed are, at a twentieth of it they are not."""
    cores(2, {1: 0.02, 2: 0.01})
    assert _settled(*LARGE) == 2
    cores(2, {1: 0.02, 2: 0.4})
    assert _settled(*LARGE) == 1


@pytest.mark.parametrize(
    "few", ["trainer.max_steps=5", "trainer.epochs=0", "trainer.batch_size=1"]
)
def test_small_steps_and_short_trainings_are_not_measured(cores, few):
    """They take one thread, whatever a measurement would say."""
    cores(2, {1: 1.0, 2: 0.1})
    assert _settled(*LARGE, few) == 1


def test_a_chosen_number_of_threads_stays(cores):
    """Nothing is measured then."""
    cores(2, {1: 1.0, 2: 0.1})
    assert _settled(*LARGE, "trainer.threads=3") == 3


@pytest.mark.parametrize(
    ("times", "number"),
    [
        ({1: [1.0, 1.0, 1.0], 2: [0.95, 0.95, 0.95]}, 1),
        ({1: [1.0, 1.0, 1.0], 2: [0.8, 0.8, 0.8]}, 2),
        ({1: [1.0, 1.0, 1.0], 2: [0.6, 0.6, 9.0]}, 1),  # now and then a long wait
        ({1: [1.0, 1.0, 9.0], 2: [1.0, 1.0, 1.0]}, 1),  # one turn says nothing
        ({1: [1.0], 4: [0.3], 16: [0.29]}, 4),
        ({1: [1.0], 4: [2.0], 16: [0.5]}, 16),
        ({1: [1.0]}, 1),
    ],
)
def test_the_fewest_threads_than_which_none_is_clearly_faster(times, number):
    """In the middle of all turns and on average."""
    assert fastest(times) == number


class Clock:
    """Goes on where it is told to, whatever else the machine does meanwhile."""

    now = 0.0

    def perf_counter(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """What steps are measured by."""
    made = Clock()
    monkeypatch.setattr(settling, "time", made)
    return made


def test_all_numbers_take_turns_and_the_waits_are_seen(clock):
    """Steps that wait under two threads are measured as they are; then it ends."""
    seen = []

    def steps():
        while True:
            seen.append(torch.get_num_threads())
            clock.now += 0.05 if seen[-1] == 2 else 0.001
            yield

    before = torch.get_num_threads()
    times = seconds_per_step(steps(), [1, 2])
    assert torch.get_num_threads() == before
    assert times[2][0] > 5 * times[1][0] > 0
    assert len(times[1]) == len(times[2]) == 1  # hopeless: not tried again
    assert fastest(times) == 1


def test_turns_begin_with_another_number_each_round(monkeypatch, clock):
    """So that who is first of a round has no advantage."""
    monkeypatch.setattr(settling, "_TURN", 0.001)
    firsts = []

    def steps():
        while True:
            firsts.append(torch.get_num_threads())
            clock.now += 0.002
            yield

    seconds_per_step(steps(), [1, 2])
    assert firsts[1:9] == [1, 2, 2, 1, 1, 2, 2, 1]


def test_measuring_leaves_no_trace_in_the_run(monkeypatch):
    """Weights, order and noise are what they are with a number of threads chosen."""
    monkeypatch.setattr(settling, "candidates", lambda cores: [1, 1])
    before = torch.get_rng_state()
    request = ("model=vae", *LARGE[1:], "trainer.epochs=20")
    config = compose(*request)
    config = settle(config, load_data(config))
    assert torch.equal(torch.get_rng_state(), before)
    chosen, expected = make(*request, "trainer.threads=1")
    assert chosen["trainer"]["compile"] == "auto"  # only looked at
    chosen["trainer"]["compile"] = False
    assert config == chosen
    losses = [
        next(event.means for event in run.training if hasattr(event, "means"))
        for run in (build(config, load_data(config)), expected)
    ]
    assert losses[0] == losses[1]


def test_what_fails_in_the_measured_steps_is_left_to_the_run(monkeypatch):
    """A bug in a part is told by the run, not by a measurement before it."""
    monkeypatch.setattr(settling, "num_cores", lambda: 2)
    monkeypatch.setattr(settling, "build", lambda *given: 1 / 0)
    assert _settled(*LARGE) == 1


def test_candidates_are_few():
    """Every fourth power, and all cores."""
    assert [candidates(n) for n in (1, 2, 4, 6, 64)] == [
        [1], [1, 2], [1, 4], [1, 4, 6], [1, 4, 16, 64],
    ]  # fmt: skip


def test_omp_num_threads_is_a_limit(monkeypatch):
    """Who sets it means it; it adds no core."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 5}, raising=False)
    for asked, number in (("", 3), ("2", 2), ("8", 3), ("0", 3), ("4,2", 3)):
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
        assert num_cores() == number


def test_without_a_measurement_a_large_step_stays_open():
    """Requests are resolved often, and for nothing but a look at them."""
    config, built = make("model=simple", "trainer.threads=auto")
    assert config["trainer"]["threads"] == 1
    open_ = resolve(compose(*LARGE), built.data.spec)
    assert open_["trainer"]["threads"] == "auto"


def test_the_measured_number_is_written_and_used_again_on_resume(
    alone, monkeypatch, unpictured
):
    """What was measured when the run began holds to its end."""
    monkeypatch.setattr(settling, "num_cores", lambda: 2)
    kept = []

    def measured(steps, numbers):
        kept.append(numbers)
        return {1: [1.0], 2: [2.0]}

    monkeypatch.setattr(settling, "seconds_per_step", measured)
    request = [
        *LARGE,
        "trainer.epochs=6",
        "dataset.limit=1400",
        "trainer.batch_size=350",
    ]
    assert main([*request, "hydra.run.dir=run"]) == 0
    assert main(["task=resume", "run=run", "trainer.epochs=7"]) == 0
    config = yaml.safe_load((alone / "run/config.yaml").read_text())
    assert config["trainer"]["threads"] == 1
    assert kept == [[1, 2]]


@pytest.fixture
def compiled(monkeypatch, clock):
    """Says how long steps take plain and compiled; None: they do not compile."""

    def say(plain, compiled):
        def steps(config, data, *, compile=False):
            while True:
                if compile and compiled is None:
                    raise RuntimeError("no such operation")
                clock.now += compiled if compile else plain
                yield

        monkeypatch.setattr(settling, "_steps", steps)
        monkeypatch.setattr(settling, "_TURN", 0.004)
        monkeypatch.setattr(settling, "_MANY_SECONDS", 0.005 * 100)

    return say


def _compiles(*overrides):
    config = compose(*LARGE, "trainer.threads=1", "trainer.epochs=50", *overrides)
    return settle(config, load_data(config))["trainer"]["compile"]


@pytest.mark.parametrize(
    ("seconds", "more", "chosen"),
    [
        ((0.005, 0.002), [], True),
        ((0.005, 0.005), [], False),
        ((0.005, 0.002), ["trainer.max_steps=50"], False),  # over before it pays
        ((0.005, None), [], False),
        ((0.005, 0.002), ["trainer.batch_size=1"], False),  # steps are small
    ],
)
def test_compiling_is_chosen_where_it_was_seen_to_pay(compiled, seconds, more, chosen):
    """Only long trainings are tried, and what fails to compile is no mistake."""
    compiled(*seconds)
    assert _compiles(*more) is chosen


@pytest.mark.parametrize(("more", "number"), [([], 1), (["trainer.max_steps=5"], 0)])
def test_a_short_training_is_hardly_measured_for_a_compiler(monkeypatch, more, number):
    """Its first step, the slowest, says so; of few steps not even that is made."""
    made = []

    def steps(config, data, *, compile=False):
        while True:
            made.append(compile)
            yield

    monkeypatch.setattr(settling, "_steps", steps)
    assert _compiles(*more) is False
    assert made == [False] * number


def test_without_a_compiler_auto_is_false_and_true_is_a_mistake(
    compiled, monkeypatch, capsys
):
    """The message says what to install."""
    monkeypatch.setenv("CXX", "no-such-compiler")
    compiled(0.005, 0.002)
    assert _compiles() is False
    assert main(["trainer.compile=true"]) == 2
    message = capsys.readouterr().err
    assert "trainer.compile=true: there is no C++ compiler no-such-comp" in message
    assert "apt-get install g++" in message


def test_without_pythons_headers_nothing_compiles(monkeypatch, tmp_path):
    """Nor is that a failure in the middle of a run; a GPU needs neither."""
    monkeypatch.setenv("CXX", "python3")
    monkeypatch.setattr("sysconfig.get_paths", lambda: {"include": str(tmp_path)})
    assert "Debian: apt-get install python3-dev" in missing("cpu")
    assert missing("cuda:1") == ""


@pytest.mark.parametrize(("rough", "said"), [(0.5, False), (3.0, True)])
def test_a_processor_that_only_imitates_bfloat16_is_told_of(
    monkeypatch, caplog, rough, said
):
    """The choice stays the user's."""
    seconds = {torch.float32: 1.0, torch.bfloat16: rough}
    monkeypatch.setattr(settling, "_products", lambda dtype: dtype)
    monkeypatch.setattr(settling, "_seconds", lambda dtype: seconds[dtype])
    config = compose("trainer.precision=bfloat16")
    made = settle(config, load_data(config))
    assert made["trainer"]["precision"] == "bfloat16"
    assert ("slow at bfloat16" in caplog.text) is said
