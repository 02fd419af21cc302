"""Train the small model that ships, from the text of the plays.

``python -m scripts.train_demo TEXT`` needs torch and transformers alone and uses CUDA where there is one.
"""

import argparse
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from transformers.utils.logging import disable_progress_bar

from scripts.demo import folder
from scripts.demo.card import Run, card
from scripts.demo.dialogue import Corpus, Sampler, part
from scripts.demo.evaluation import held_out_loss
from scripts.demo.network import add_dropout, pick_device, small_llama
from scripts.demo.samples import CARD_PROMPTS, sample
from scripts.demo.tokenizer import train_tokenizer
from scripts.demo.training import Plan, Progress, train


def main(arguments: Sequence[str] | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
    """Train, keep the best checkpoint in the output folder, and write its card."""
    options = _parser().parse_args(arguments)
    if options.threads:
        torch.set_num_threads(options.threads)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(options.seed)
    device = pick_device(options.device)
    corpus = part(options.text.read_text(encoding="utf-8"), held_out_fraction=options.held_out)
    tokenizer = train_tokenizer(corpus.training, vocab_size=options.vocab, context=options.context)
    model = small_llama(
        tokenizer,
        context=options.context,
        hidden=options.hidden,
        layers=options.layers,
        heads=options.heads,
        kv_heads=options.kv_heads,
        intermediate=options.intermediate,
    )
    model.to(device)  # type: ignore[arg-type]
    add_dropout(model, options.dropout)
    plan = Plan(
        steps=options.steps,
        limit_seconds=options.minutes * 60,
        context=options.context,
        tokens_per_step=options.tokens_per_step,
        peak_rate=options.rate,
        warmup_steps=options.warmup,
        evaluate_every=options.evaluate_every,
    )
    print(f"{model.num_parameters():,} parameters, {len(tokenizer)} tokens in the vocabulary, on {device}", flush=True)

    def on_report(progress: Progress) -> None:
        print(_line(progress), flush=True)
        if progress.is_best:
            folder.save(model, tokenizer, options.out, dtype=torch.bfloat16)

    begun = clock()
    sampler = Sampler(tokenizer, corpus.training, random=Random(options.seed))  # noqa: S311 - no secret
    best = train(
        model,
        tokenizer,
        sampler,
        corpus.held_out,
        plan=plan,
        random=Random(options.seed),  # noqa: S311 - as above
        clock=clock,
        on_report=on_report,
    )
    minutes = (clock() - begun) / 60
    _write_card(options, plan, corpus, best, minutes=minutes, machine=_machine(device))


def _write_card(
    options: argparse.Namespace, plan: Plan, corpus: Corpus, best: Progress, *, minutes: float, machine: str
) -> None:
    """Describe the model as it was stored: it is read back and measured again."""
    model, tokenizer = folder.load(options.out)
    stored = held_out_loss(model, tokenizer, corpus.held_out, window=plan.window)
    at_full_context = held_out_loss(model, tokenizer, corpus.held_out, window=options.context)
    run = Run(
        config=model.config,
        parameters=model.num_parameters(),
        best=replace(best, held_out=stored),
        minutes=minutes,
        machine=machine,
        held_out_fraction=options.held_out,
        held_out_bytes=len(corpus.held_out.encode()),
        window=plan.window,
        long_window_loss=at_full_context.nats_per_token,
        samples=[sample(model, tokenizer, prompt, is_chat=is_chat, seed=0) for prompt, is_chat in CARD_PROMPTS],
        command=_command(options),
    )
    text = card(run, name=options.out.name)
    folder.publish(options.out, lambda staging: (staging / "README.md").write_text(text, encoding="utf-8"))
    print(
        f"best: step {best.step}, stored weights {stored.nats_per_token:.4f} nats/token, "
        f"{stored.bits_per_byte:.4f} bits/byte, {folder.size_bytes(options.out):,} bytes in {options.out}"
    )


def _line(progress: Progress) -> str:
    return (
        f"step {progress.step:5d}  {progress.elapsed_seconds:6.0f} s  loss {progress.training_loss:.4f}  "
        f"held-out {progress.held_out.nats_per_token:.4f} nats/token {progress.held_out.bits_per_byte:.4f} bits/byte  "
        f"{progress.tokens_per_second:.0f} tokens/s{'  best' if progress.is_best else ''}"
    )


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{threads} CPU core{'s' if threads > 1 else ''}"


def _command(options: argparse.Namespace) -> str:
    """The call that repeats a run: the settings that differ from the defaults, less the paths and the threads."""
    parser = _parser()
    kept = {
        name: value
        for name, value in vars(options).items()
        if name not in {"text", "out", "threads", "device"} and value != parser.get_default(name)
    }
    flags = [text for name, value in kept.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    return shlex.join(["python", "-m", "scripts.train_demo", "input.txt", *flags])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m scripts.train_demo",
        description="Train the small model that ships.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("text", type=Path, help="the plays: speeches under their speaker's name, parted by empty lines")
    parser.add_argument("--out", type=Path, default=Path("weights/shakespeare"), help="the folder to write")
    parser.add_argument("--minutes", type=float, default=40.0, help="longest time to train")
    parser.add_argument("--steps", type=int, default=1800, help="most steps to train")
    parser.add_argument("--threads", type=int, help="CPU threads; torch decides when it is left out")
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where to train")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the sequences and the dropout")
    parser.add_argument("--held-out", type=float, default=0.05, help="share of the text, at its end, to test on")
    parser.add_argument("--vocab", type=int, default=4096, help="most tokens in the vocabulary")
    parser.add_argument("--context", type=int, default=1024, help="longest sequence in tokens")
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--kv-heads", type=int, default=2)
    parser.add_argument("--intermediate", type=int, default=640)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--rate", type=float, default=2e-3, help="highest learning rate")
    parser.add_argument("--warmup", type=int, default=100, help="steps until the highest learning rate")
    parser.add_argument("--tokens-per-step", type=int, default=2048)
    parser.add_argument("--evaluate-every", type=int, default=100, help="steps between two looks at the held-out text")
    return parser


if __name__ == "__main__":
    main()
