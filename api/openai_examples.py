"""What the documentation shows of OpenAI's API."""

from __future__ import annotations

import base64
import struct
from dataclasses import replace
from functools import partial

from api.chat_document import ChatChunks, chat_document
from api.completion_document import CompletionChunks, completion_document
from api.embedding_document import embeddings_document
from api.examples import SUCCEEDED
from api.following import Look
from api.text_frames import MakeChunks, text_frames
from jobs.job import Usage
from jobs.request import InferenceRequest, RequestType
from jobs.token_run import TokenRun

_EMBEDDED = replace(
    SUCCEEDED,
    request=InferenceRequest(model="vectors", type=RequestType.EMBEDDING, inputs=("Who knocks?",)),
    text=None,
    finish_reason=None,
    usage=Usage(prompt_tokens=5),
    vectors=(base64.b64encode(struct.pack("<3f", 0.6, 0.0, -0.8)).decode(),),
)
_PIECES = ("A friend, ", "my lord.")
_TOLD = Look(tokens=TokenRun(ids=range(len(_PIECES)), pieces=_PIECES), job=replace(SUCCEEDED, text="".join(_PIECES)))


def _stream(make_chunks: MakeChunks) -> str:
    return b"".join(text_frames(iter([_TOLD]), make_chunks=make_chunks, names={})).decode()


CHAT_REQUEST = {"model": "shakespeare", "messages": [{"role": "user", "content": "Who knocks?"}]}
CHAT_COMPLETION = chat_document(SUCCEEDED)
CHAT_STREAM = _stream(partial(ChatChunks, includes_usage=False))
COMPLETION_REQUEST = {"model": "shakespeare", "prompt": "O Romeo, Romeo,", "max_tokens": 64}
COMPLETION = completion_document(SUCCEEDED)
COMPLETION_STREAM = _stream(partial(CompletionChunks, includes_usage=False))
EMBEDDING_REQUEST = {"model": "vectors", "input": ["Who knocks?"]}
EMBEDDINGS = embeddings_document(_EMBEDDED, is_base64=False)
