"""A byte-level tokenizer trained on the text itself, with a chat template that writes messages as a play."""

from string import Template

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

BOS = "<|begin|>"
EOS = "<|end|>"
USER_SPEAKER = "ROMEO"
ASSISTANT_SPEAKER = "JULIET"
SYSTEM_SPEAKER = "Chorus"

CHAT_TEMPLATE = Template("""\
{{- bos_token -}}
{%- set speakers = {"system": "$system", "developer": "$system", "assistant": "$assistant"} -%}
{%- for message in messages -%}
  {{- speakers.get(message.role, "$user") + ":\\n" -}}
  {%- if message.content is string -%}
    {{- message.content | trim -}}
  {%- else -%}
    {{- message.content | selectattr("text", "defined") | map(attribute="text") | join("\\n") | trim -}}
  {%- endif -%}
  {{- eos_token -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- "$assistant:\\n" -}}
{%- endif -%}
""").substitute(system=SYSTEM_SPEAKER, assistant=ASSISTANT_SPEAKER, user=USER_SPEAKER)


def train_tokenizer(text: str, *, vocab_size: int, context: int) -> PreTrainedTokenizerFast:
    """A tokenizer for any text: what *text* does not teach falls back to single bytes.

    *context* is the longest sequence, in tokens, of the model that it is made for. The vocabulary comes out smaller
    than *vocab_size* where the text is too short to fill it.
    """
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=2,
        special_tokens=[BOS, EOS],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(text.splitlines(keepends=True), trainer)
    backend.post_processor = processors.TemplateProcessing(
        single=f"{BOS} $A",
        pair=f"{BOS} $A $B",
        special_tokens=[(BOS, backend.token_to_id(BOS))],
    )
    return wrap(backend, context=context)


def wrap(backend: Tokenizer, *, context: int) -> PreTrainedTokenizerFast:
    """*backend* as transformers wants it, with our special tokens and our chat template."""
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=EOS,
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )
