"""What a batch costs beside the engine alone, and what many large ones cost while they wait."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

from api.batches.run_order import prefix_key
from models.catalog import Catalog
from models.tokenizer import Tokenizer
from scripts.benchmark import servers
from scripts.benchmark.batches.alone import engine_alone
from scripts.benchmark.batches.crowd import PROMPT_CHARS, Crowded, Sample, Size, crowded, tenths
from scripts.benchmark.batches.crowd import SLOTS as SCRIPTED_SLOTS
from scripts.benchmark.batches.desk import Desk
from scripts.benchmark.batches.ran import Ran
from scripts.benchmark.batches.through import through_batch
from scripts.benchmark.batches.upload import Added, added_megabytes
from scripts.benchmark.contest.load import Lengths, Request, draw_requests
from scripts.benchmark.estimate import estimate, ratio
from scripts.benchmark.figures import estimates, number
from scripts.benchmark.pairs import alternate
from scripts.benchmark.section import Goal, Report, Section, Table
from scripts.benchmark.settings import Settings, say
from scripts.paths import CHECKOUT

CONFIG = CHECKOUT / "configs" / "llm_default.yaml"
SLOTS = 32
LENGTHS = Lengths()
ROUNDS, LINES = 5, 128
WARM = 16
UPLOADS = 3
UPLOADED_BYTES = 200_000_000
CROWD = Size(batches=20, lines=50_000, run=100_000, warm_up=2_000)
ALONE, BATCH = "the engine alone", "a batch"
MOST_MEGABYTES = 60.0
MOST_BYTES = 300.0


def run(settings: Settings) -> Report:
    """The three parts, one after the other."""
    rounds, lines = settings.pick(quick=(1, 32), full=(ROUNDS, LINES))
    ran = _side_by_side(settings.folder / "speed", rounds=rounds, lines=lines, seed=settings.seed)
    times = settings.pick(quick=1, full=UPLOADS)
    say(f"{times} uploads of {UPLOADED_BYTES / 1e6:g} MB")
    added = added_megabytes(settings.folder / "upload", sent_bytes=UPLOADED_BYTES, times=times)
    size = settings.pick(quick=Size(batches=3, lines=1_000, run=1_000, warm_up=200), full=CROWD)
    say(f"{size.batches} batches of {size.lines:,} lines, of which {size.run:,} run")
    return report(ran, added, crowded(settings.folder / "crowd", size, seed=settings.seed), size)


def report(ran: Mapping[str, Sequence[Ran]], added: Added, crowd: Crowded, size: Size) -> Report:
    """What was measured."""
    speeds = {way: [one.per_second for one in each] for way, each in ran.items()}
    per_cpu = {way: [one.per_cpu_second for one in each] for way, each in ran.items()}
    share = ratio(speeds[BATCH], speeds[ALONE])
    marks = tenths(crowd.samples, lines=size.run)
    rates = [size.run / 10 / (after.at - before.at) for before, after in pairwise(marks)]
    uploaded = estimate(added)
    kept = {
        "a line that waits": estimate([crowd.bytes_per_waiting_line]),
        "a line that is a job": estimate([crowd.bytes_per_open_line]),
    }
    steady = estimate([rates[-1] / rates[0]])
    return Report(
        tables=[
            estimates("tokens per second", {way: estimate(values) for way, values in speeds.items()}),
            estimates(
                "tokens per CPU second of the engine's process",
                {way: estimate(values) for way, values in per_cpu.items()},
            ),
            estimates(
                "a batch over the engine alone",
                {"tokens per second": share, "tokens per CPU second": ratio(per_cpu[BATCH], per_cpu[ALONE])},
            ),
            estimates("MB", {f"added at most while {UPLOADED_BYTES / 1e6:g} MB come": uploaded}),
            _by_tenth(marks, rates, lines=size.run / 10),
            estimates("bytes of Redis", kept),
        ],
        figures={
            "share": share,
            "upload_mb": uploaded,
            "last_over_first": steady,
            "bytes_per_waiting_line": kept["a line that waits"],
        },
        notes=[_pace_of_validation(crowd, lines=size.batches * size.lines)],
        raw={
            "tokens_per_second": speeds,
            "tokens_per_cpu_second": per_cpu,
            "added_megabytes": list(added),
            "validated_seconds": crowd.validated_seconds,
            "lines_per_second": rates,
            "bytes_per_open_line": crowd.bytes_per_open_line,
        },
    )


def _side_by_side(folder: Path, *, rounds: int, lines: int, seed: int) -> dict[str, list[Ran]]:
    from transformers import AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir()
    model = Catalog.load(CONFIG).default
    tokenizer = Tokenizer(AutoTokenizer.from_pretrained(model.path))
    random = Random(seed)  # noqa: S311 - prompts, no secrets
    warm, *drawn = [_drawn(count, tokenizer, random) for count in (WARM, *[lines] * rounds)]
    with (
        servers.redis(folder / "redis") as url,
        servers.connected(url) as client,
        servers.worker(folder, redis_url=url, config=CONFIG, environment={"BATCH_MAX_SIZE": str(SLOTS)}) as worker,
        servers.runner(folder, redis_url=url, config=CONFIG),
        engine_alone(CONFIG, slots=SLOTS) as alone,
    ):
        desk = Desk(client, folder)
        through_batch(desk, worker, warm, model=model.name)
        alone(warm)
        say(f"{rounds} rounds of {lines} lines, {SLOTS} slots")
        return alternate(
            {
                ALONE: lambda number: alone(drawn[number]),
                BATCH: lambda number: through_batch(desk, worker, drawn[number], model=model.name),
            },
            rounds=rounds,
        )


def _drawn(count: int, tokenizer: Tokenizer, random: Random) -> list[Request]:
    """In the order in which a batch runs them."""
    return sorted(draw_requests(count, tokenizer, random, LENGTHS), key=lambda one: prefix_key(one.inference()))


def _by_tenth(marks: Sequence[Sample], rates: Sequence[float], *, lines: float) -> Table:
    names = list(marks[0].cpu)
    return Table(
        title=f"{lines * 10:,.0f} lines, tenth by tenth",
        columns=["tenth", "lines/s", *(f"CPU ms a line, {name}" for name in names)],
        rows=[
            [
                str(place),
                number(rate),
                *(number(1000 * (after.cpu[name] - before.cpu[name]) / lines) for name in names),
            ]
            for place, ((before, after), rate) in enumerate(zip(pairwise(marks), rates, strict=True), start=1)
        ],
    )


def _pace_of_validation(crowd: Crowded, *, lines: int) -> str:
    seconds = crowd.validated_seconds
    return f"{lines:,} lines were accepted and valid in {seconds:,.0f} s, {lines / seconds:,.0f} a second."


SECTION = Section(
    name="batches",
    title="Batches",
    method=(
        f"*Speed*: the shipped model with {SLOTS} slots. The same {LINES} requests ({LENGTHS.shortest} to "
        f"{LENGTHS.longest} tokens each way), in the same order, go in turn to a `TorchEngine` alone in a process of "
        "its own, which asks it from twice as many threads as it has slots, and through a batch: a runner makes jobs "
        "of its lines, a worker runs them, and the runner writes the output. The engine alone counts from the first "
        "request to the last answer, the batch from `in_progress` to the moment at which its last line stands in its "
        "output, by the clock of Redis. Both have run before.\n\n"
        f"*Upload*: {UPLOADED_BYTES / 1e6:g} MB come over HTTP as a form to one gunicorn worker, which has taken a "
        f"small file before, {UPLOADS} times. What it adds is the kernel's high-water mark of its resident memory "
        "during the upload, less what it had before the first.\n\n"
        f"*A million lines*: {CROWD.batches} files of {CROWD.lines:,} lines lie in the storage, each with a prompt of "
        f"its own of about {PROMPT_CHARS} characters. They are accepted as batches all at once, and one runner looks "
        "through all of them while their model takes no jobs. What `used_memory` of Redis has grown by then, over the "
        "lines, is what a waiting line takes. Then the model takes jobs, and no worker is there: what is added, by "
        "job, is what an open line takes. Then a worker starts, with a scripted engine of "
        f"{SCRIPTED_SLOTS} slots that answers at once. After {CROWD.warm_up:,} lines, {CROWD.run:,} are counted as "
        f"they stand in the output, of all {CROWD.batches} batches together, twice a second; the rest waits beside "
        "them. The rate of the last tenth is compared with that of the first."
    ),
    run=run,
    goals=[
        Goal(figure="share", text="tokens/s of a batch over the engine alone", at_least=0.95),
        Goal(
            figure="upload_mb",
            text=f"MB that an API process adds at most while {UPLOADED_BYTES / 1e6:g} MB are uploaded",
            at_most=MOST_MEGABYTES,
        ),
        Goal(
            figure="last_over_first",
            text=f"lines/s of the last tenth of {CROWD.run:,} lines over the first, beside a million",
            at_least=0.9,
        ),
        Goal(figure="bytes_per_waiting_line", text="bytes of Redis per waiting line of a batch", at_most=MOST_BYTES),
    ],
)
